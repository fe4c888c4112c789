import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { MAX_LISTED_ORDERS } from "../../src/protocol/health.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { registryStubs } from "../../src/registry/directory.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { connectAndDisconnectAtRandom, each, serviceHealth } from "../support/listener-counts-scenario.ts";
import {
  connect,
  deploy,
  hibernateAll,
  listen,
  orderObject,
  registerOrder,
  serviceRequest,
} from "../support/service.ts";
import type { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the registry", () => {
  test("health is right soon after sockets connected and disconnected at random, with evictions and a deploy", {
    timeout: 120_000,
  }, async () => {
    await connectAndDisconnectAtRandom({ sockets: 300, channels: 60 });
  });

  test("divides the channels between its objects: each channel is known to one", async () => {
    const token = await mintToken();
    await each(Array(30).fill(null), async () => (await connect(`orders/${await registerOrder()}`, { token })).frame());
    const known = await Promise.all(registryStubs(env).map((registry) => registry.overview(MAX_LISTED_ORDERS)));
    const channels = known.flatMap((overview) => Object.keys(overview.channels));
    expect(new Set(channels).size).toBe(channels.length);
    expect(known.filter((overview) => Object.keys(overview.channels).length > 0).length).toBeGreaterThan(1);
  });
});

test("after a deploy there are no listeners until one connects, so the relay may sleep", async () => {
  await deploy();
  await listen(`orders/${await registerOrder()}`);
  const hasListeners = async () =>
    (await Promise.all(registryStubs(env).map((registry) => registry.hasListeners()))).some(Boolean);
  await eventually(async () => expect(await hasListeners()).toBe(true));
  await deploy();
  expect(await hasListeners()).toBe(false);
});

test("a crash of every registry right after the first listener came or the last one left loses no channel", async () => {
  await deploy();
  const token = await mintToken();
  const sockets = new Map<string, TestSocket>();
  await each(Array(30).fill(null), async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, { token });
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

describe("a count that a registry could not take", () => {
  const countOf = async (id: string) => (await serviceHealth()).channel_details[`order_${id}`];
  const alarmOf = (id: string) => runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm());

  /** Makes every report fail while the last listener leaves. @param leave Lets it leave. */
  async function failToReport(id: string, leave: () => unknown): Promise<void> {
    await eventually(async () => expect(await countOf(id)).toBe(1));
    const report = vi.spyOn(ChannelRegistry.prototype, "report").mockRejectedValue(new Error("overloaded"));
    await leave();
    await eventually(() => expect(report.mock.calls.length).toBeGreaterThanOrEqual(6));
    await eventually(async () => expect(await alarmOf(id)).toBeLessThanOrEqual(Date.now() + 60_000));
    vi.restoreAllMocks();
    expect(await countOf(id)).toBe(1);
  }

  test("is reported again a minute later by the alarm", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    await failToReport(id, () => socket.close());
    await evictDurableObject(orderObject(id));
    await runDurableObjectAlarm(orderObject(id));
    await eventually(async () => expect(await countOf(id)).toBeUndefined());
  });

  test("is reported again by the alarm of a deleted order as well", async () => {
    const id = await registerOrder();
    await listen(`orders/${id}`);
    await failToReport(id, () => serviceRequest("DELETE", `/api/v1/orders/${id}`));
    await runDurableObjectAlarm(orderObject(id));
    await eventually(async () => expect(await countOf(id)).toBeUndefined());
  });
});

test("many health requests at once ask each channel once", async () => {
  const token = await mintToken();
  await each(Array(20).fill(null), async () => (await connect(`orders/${await registerOrder()}`, { token })).frame());
  await hibernateAll();
  const asked = vi.spyOn(OrderChannel.prototype, "countListeners");
  stopClock();
  advanceClock(13 * 3_600_000);
  await Promise.all(Array.from({ length: 10 }, serviceHealth));
  const { active_channels } = await serviceHealth();
  expect(asked.mock.calls.length).toBeGreaterThanOrEqual(20);
  expect(asked.mock.calls.length).toBeLessThanOrEqual(active_channels.length);
});

test(`health lists ${MAX_LISTED_ORDERS} orders at most, reports that the list is truncated, and counts them all`, async () => {
  // A registry that first noticed the last deploy while the clock was ahead would ask each of these channels, in vain.
  await deploy();
  const before = (await serviceHealth()).total_connections;
  await each(
    Array.from({ length: MAX_LISTED_ORDERS + 20 }, () => `order_${crypto.randomUUID()}`),
    (channel) => {
      const shard = registryStubs(env)[Math.floor(Math.random() * 6)];
      return shard ? shard.report(channel, 2, {}) : Promise.resolve();
    },
  );
  const health = await serviceHealth();
  expect(health.truncated).toBe(true);
  expect(health.active_channels).toHaveLength(MAX_LISTED_ORDERS);
  expect(health.total_connections).toBe(before + 2 * (MAX_LISTED_ORDERS + 20));
});
