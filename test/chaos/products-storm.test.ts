import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { listenToProducts, publishAfterRestart, seqsOf } from "../sdk/support/listener.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { keepIfLong, type StormResult } from "./results.ts";

/**
 * All listeners of the products channel lose their connection in the same moment, and reconnect to two shards.
 * `npm run test:chaos -- --storm` has 5,000 listeners.
 */

const LISTENERS = Number(process.env.STORM_LISTENERS ?? 500);
const PRODUCTS = 20;
const PATIENCE_MS = 180_000;
let service: Workerd;
let network: TcpProxy;
let url: string;
beforeAll(async () => {
  service = await startTidings({ PRODUCTS_SHARDS: "2" }, "test/support/workers/counted-root.ts");
  network = new TcpProxy(service.url);
  url = await network.listen();
});
afterAll(async () => {
  network.close();
  await service.stop();
});

const waitFor = (condition: () => void) => vi.waitFor(condition, { timeout: PATIENCE_MS, interval: 100 });

/** Requests at the root, by second, since the service was started. */
async function requestsAtRoot(): Promise<Record<string, number>> {
  const answer = await fetch(`${service.url}/test/root-requests`);
  return (await answer.json()) as Record<string, number>;
}
const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);

test(`[promise 3] ${LISTENERS} listeners over two shards lose their connections, then the service too: all receive what they missed`, async () => {
  let attempts = 0;
  let isStarting = true;
  const tokens = await Promise.all(
    Array.from({ length: LISTENERS }, (_, i) => mintToken({ subject: `user-${i}`, expiresIn: 3600 })),
  );
  const listeners = tokens.map((token, i) =>
    listenToProducts(url, {
      productIds: [`p-${i % PRODUCTS}`],
      getToken: async () => {
        // The first connections are spread out; the test is about the reconnects.
        if (isStarting) await new Promise((resolve) => setTimeout(resolve, i * 2));
        else attempts++;
        return token;
      },
    }),
  );
  const publishAll = async () => {
    for (let n = 0; n < PRODUCTS; n++) {
      await publishAfterRestart(service.url, "products", "product_updated", { product_id: `p-${n}` });
    }
  };
  const untilAllLive = () =>
    waitFor(() => expect(listeners.every(({ connection }) => connection.status.state === "live")).toBe(true));
  const untilAllReceived = (count: number) =>
    waitFor(() => expect(listeners.every(({ received }) => received.events.length === count)).toBe(true));
  const storms: StormResult["products"] = [];
  /** Breaks something, publishes meanwhile, and measures how long it takes to recover. */
  const storm = async (name: string, strike: () => void | Promise<void>, received: number, isNewProcess: boolean) => {
    attempts = 0;
    // A new process counts from 0.
    const before = isNewProcess ? {} : await requestsAtRoot();
    const start = Date.now();
    await strike();
    await publishAll();
    await untilAllLive();
    const liveAfterMs = Date.now() - start;
    await untilAllReceived(received);
    const caughtUpAfterMs = Date.now() - start;
    const after = await requestsAtRoot();
    const counts = Object.entries(after).map(([second, count]) => count - (before[second] ?? 0));
    const atRoot = sum(counts);
    const mostPerSecond = Math.max(0, ...counts);
    console.log(
      `${name}, ${LISTENERS} listeners: all live after ${liveAfterMs} ms, caught up after ${caughtUpAfterMs} ms, ` +
        `${attempts} attempts; at the root ${atRoot} requests, at most ${mostPerSecond}/s`,
    );
    const figures = { attempts, liveAfterMs, caughtUpAfterMs, requestsAtRoot: atRoot, mostPerSecond };
    storms.push({ strike: name, listeners: LISTENERS, ...figures });
    expect(attempts).toBeLessThanOrEqual(LISTENERS * 6);
    return atRoot;
  };

  await untilAllLive();
  await publishAll();
  await untilAllReceived(1);
  isStarting = false;

  // The shards go on receiving the events of products that clients may return for.
  const afterCut = await storm("connections cut", () => network.cut(), 2, false);
  expect(afterCut).toBe(0);
  // Nothing is in memory: clients ask the root for the shards' number, and shards ask it for what clients missed.
  const afterKill = await storm("kill -9", () => service.restart(), 3, true);
  expect(afterKill).toBeLessThanOrEqual(2 * (attempts + LISTENERS));

  keepIfLong("storm", { products: storms });

  for (const [i, { received }] of listeners.entries()) {
    expect(received.gaps).toEqual([]);
    expect(seqsOf(received.events)).toEqual([0, 1, 2].map((round) => round * PRODUCTS + 1 + (i % PRODUCTS)));
  }
});
