import { evictDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import type { Health } from "../../src/protocol/health.ts";
import { eventually } from "./eventually.ts";
import { connect, deploy, hibernateAll, orderObject, registerOrder, serviceRequest } from "./service.ts";
import type { TestSocket } from "./test-socket.ts";
import { mintToken } from "./tokens.ts";

/** How soon after the last change health must be right. */
const MAX_DELAY_MS = 5000;

export const serviceHealth = async () => (await serviceRequest("GET", "/api/v1/ws/health")).json<Health>();

/** Runs an action for each item, sixteen at a time. */
export async function each<T>(items: readonly T[], action: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const item of queue) await action(item);
    }),
  );
}

/** A random number generator with the same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Opens and closes sockets at random, evicts objects, hibernates everything and deploys; after each step health must
 * soon report the true count of every channel.
 */
export async function connectAndDisconnectAtRandom(size: { sockets: number; channels: number }): Promise<void> {
  const random = seeded(42);
  const token = await mintToken();
  const orders: string[] = [];
  await each(Array(size.channels - 1).fill(null), async () => orders.push(await registerOrder()));
  const paths = ["products", ...orders.map((id) => `orders/${id}`)];
  const open = new Map<TestSocket, string>();

  const openOne = async () => {
    const path = String(paths[Math.floor(random() * paths.length)]);
    const socket = await connect(path, { token });
    await socket.frame();
    open.set(socket, path === "products" ? path : path.replace("orders/", "order_"));
  };
  const openMany = (count: number) => each(Array(Math.round(count)).fill(null), openOne);
  const closeMany = (count: number) => {
    for (let i = 0; i < count; i++) {
      const socket = [...open.keys()][Math.floor(random() * open.size)];
      socket?.close();
      if (socket) open.delete(socket);
    }
  };
  const evictSome = () =>
    each(
      orders.filter(() => random() < 0.05),
      // Only a running object can be evicted, and this one may have hibernated.
      async (id) => {
        await orderObject(id).countListeners();
        await evictDurableObject(orderObject(id));
      },
    );
  const expectTruth = async (step: string) => {
    const truth: Record<string, number> = {};
    for (const channel of open.values()) truth[channel] = (truth[channel] ?? 0) + 1;
    const start = performance.now();
    const health = await eventually(async () => {
      const now = await serviceHealth();
      expect(now.channel_details).toEqual(truth);
      return now;
    }, MAX_DELAY_MS);
    expect(health.total_connections).toBe(open.size);
    expect(health.truncated).toBeUndefined();
    console.log(`${step}: ${open.size} sockets, counted right after ${Math.round(performance.now() - start)} ms`);
  };

  await openMany(size.sockets);
  await expectTruth("all open");
  for (let round = 1; round <= 3; round++) {
    await evictSome();
    closeMany(size.sockets * 0.15);
    await openMany(size.sockets * 0.1);
    await expectTruth(`round ${round}, with evictions`);
  }
  await hibernateAll();
  closeMany(size.sockets * 0.05);
  await expectTruth("after everything hibernated");
  await deploy();
  open.clear();
  await openMany(size.sockets * 0.15);
  await expectTruth("after a deploy");
}
