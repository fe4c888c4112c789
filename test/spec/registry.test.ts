import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { registryStubs } from "../../src/channels/directory.ts";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { type Health, MAX_LISTED_CHANNELS } from "../../src/edge/health.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { connect, deploy, hibernateAll, orderObject, registerOrder, serviceRequest } from "../support/service.ts";
import type { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** How soon after the last change the counts have to be right. */
const QUIET_MS = 5000;
const CHANNELS = 500;
const SOCKETS = 2000;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const serviceHealth = async () => (await serviceRequest("GET", "/api/v1/ws/health")).json<Health>();

/** The same random numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Does something to many, a few at a time. */
async function each<T>(items: readonly T[], action: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const item of queue) await action(item);
    }),
  );
}

describe("the registry stays true", () => {
  test(`${SOCKETS} sockets over ${CHANNELS} channels come and go, objects are evicted, a deploy drops all`, {
    timeout: 120_000,
  }, async () => {
    const random = seeded(42);
    const token = await mintToken();
    const orders: string[] = [];
    await each(Array(CHANNELS - 1).fill(null), async () => orders.push(await registerOrder()));
    const paths = ["products", ...orders.map((id) => `orders/${id}`)];
    const open = new Map<TestSocket, string>();
    const openOne = async () => {
      const path = String(paths[Math.floor(random() * paths.length)]);
      const socket = await connect(path, { token });
      await socket.frame();
      open.set(socket, path === "products" ? path : path.replace("orders/", "order_"));
    };
    const closeOne = () => {
      const socket = [...open.keys()][Math.floor(random() * open.size)];
      socket?.close();
      if (socket) open.delete(socket);
    };
    const someEvictions = () =>
      each(
        orders.filter(() => random() < 0.05),
        // One that has hibernated before may not run now.
        async (id) => {
          await orderObject(id).connections();
          await evictDurableObject(orderObject(id));
        },
      );
    /** Health says what is so, soon after the last change, in total and channel by channel. */
    const expectTruth = async (what: string) => {
      const truth: Record<string, number> = {};
      for (const channel of open.values()) truth[channel] = (truth[channel] ?? 0) + 1;
      const quietSince = performance.now();
      const health = await vi.waitFor(
        async () => {
          const now = await serviceHealth();
          expect(now.channel_details).toEqual(truth);
          return now;
        },
        { timeout: QUIET_MS, interval: 100 },
      );
      expect(health.total_connections).toBe(open.size);
      expect(health.truncated).toBeUndefined();
      console.log(`${what}: ${open.size} sockets, right after ${Math.round(performance.now() - quietSince)} ms`);
    };

    await each(Array(SOCKETS).fill(null), openOne);
    await expectTruth("all open");
    for (let round = 1; round <= 3; round++) {
      // Only what is quiet hibernates.
      await someEvictions();
      for (let i = 0; i < 300; i++) closeOne();
      await each(Array(200).fill(null), openOne);
      await expectTruth(`round ${round} of coming and going, with evictions`);
    }
    await hibernateAll();
    for (let i = 0; i < 100; i++) closeOne();
    await expectTruth("after hibernation of everything");
    await deploy();
    open.clear();
    await each(Array(300).fill(null), openOne);
    await expectTruth("after a deploy, with a few who came back");
  });

  test("no registry knows of every channel, and no channel is known by two", async () => {
    const token = await mintToken();
    await each(Array(30).fill(null), async () => (await connect(`orders/${await registerOrder()}`, { token })).frame());
    const known = await Promise.all(registryStubs(env).map((registry) => registry.overview(MAX_LISTED_CHANNELS)));
    const channels = known.flatMap((overview) => Object.keys(overview.channels));
    expect(new Set(channels).size).toBe(channels.length);
    expect(known.filter((overview) => Object.keys(overview.channels).length > 0).length).toBeGreaterThan(1);
  });
});

test("after a deploy nobody is heard before somebody says so: the relay may sleep", async () => {
  await deploy();
  await (await connect(`orders/${await registerOrder()}`, { token: await mintToken() })).frame();
  const hasListeners = async () =>
    (await Promise.all(registryStubs(env).map((registry) => registry.hasListeners()))).some(Boolean);
  await eventually(async () => expect(await hasListeners()).toBe(true));
  await deploy();
  expect(await hasListeners()).toBe(false);
});

test("a crash of every registry right after the first listeners came, or the last one left, loses no channel", async () => {
  await deploy();
  const token = await mintToken();
  const sockets = new Map<string, TestSocket>();
  await each(Array(30).fill(null), async () => {
    const id = await registerOrder();
    const socket = await connect(`orders/${id}`, { token });
    await socket.frame();
    sockets.set(`order_${id}`, socket);
  });
  const crash = () =>
    each(registryStubs(env), (registry) =>
      runInDurableObject(registry, (_, { abort }) => abort("crash")).catch(() => {}),
    );
  const channels = async () => Object.keys((await serviceHealth()).channel_details).sort();
  await eventually(async () => expect(await channels()).toEqual([...sockets.keys()].sort()));
  await crash();
  expect(await channels()).toEqual([...sockets.keys()].sort());
  const [left, socket] = [...sockets][0] ?? [];
  socket?.close();
  await eventually(async () => expect(await channels()).not.toContain(left));
  await crash();
  expect(await channels()).toHaveLength(29);
});

test("a registry that cannot be told for a while is told a minute later, when nothing else happens", async () => {
  const id = await registerOrder();
  const socket = await connect(`orders/${id}`, { token: await mintToken() });
  await socket.frame();
  const count = async () => (await serviceHealth()).channel_details[`order_${id}`];
  await eventually(async () => expect(await count()).toBe(1));
  vi.spyOn(scheduler, "wait").mockResolvedValue(undefined);
  const report = vi.spyOn(ChannelRegistry.prototype, "report").mockRejectedValue(new Error("overloaded"));
  socket.close();
  await eventually(() => expect(report.mock.calls.length).toBeGreaterThanOrEqual(6));
  await eventually(async () =>
    expect(await runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm())).not.toBeNull(),
  );
  vi.restoreAllMocks();
  expect(await count()).toBe(1);
  await evictDurableObject(orderObject(id));
  await runDurableObjectAlarm(orderObject(id));
  await eventually(async () => expect(await count()).toBeUndefined());
});

test("many who look at once ask each channel once", async () => {
  const token = await mintToken();
  await each(Array(20).fill(null), async () => (await connect(`orders/${await registerOrder()}`, { token })).frame());
  await hibernateAll();
  const asked = vi.spyOn(OrderChannel.prototype, "connections");
  stopClock();
  advanceClock(13 * 3_600_000);
  await Promise.all(Array.from({ length: 10 }, serviceHealth));
  const { active_channels } = await serviceHealth();
  expect(asked.mock.calls.length).toBeGreaterThanOrEqual(20);
  expect(asked.mock.calls.length).toBeLessThanOrEqual(active_channels.length);
});

test(`health lists ${MAX_LISTED_CHANNELS} channels at most, says so, and counts them all`, async () => {
  const before = (await serviceHealth()).total_connections;
  await each(
    Array.from({ length: MAX_LISTED_CHANNELS + 20 }, () => `order_${crypto.randomUUID()}`),
    (channel) => {
      const shard = registryStubs(env)[Math.floor(Math.random() * 6)];
      return shard ? shard.report(channel, 2, {}) : Promise.resolve();
    },
  );
  const health = await serviceHealth();
  expect(health.truncated).toBe(true);
  expect(health.active_channels).toHaveLength(MAX_LISTED_CHANNELS);
  expect(health.total_connections).toBe(before + 2 * (MAX_LISTED_CHANNELS + 20));
});
