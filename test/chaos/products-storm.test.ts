import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { listenToProducts, publishAt, seqsOf } from "../sdk/support/listener.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/**
 * All listeners of the products channel lose their connection in the same moment and reconnect over two shards.
 * `npm run test:chaos -- --storm` has 5,000 listeners.
 */

const LISTENERS = Number(process.env.STORM_LISTENERS ?? 500);
const PRODUCTS = 20;
const PATIENCE_MS = 180_000;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ PRODUCTS_SHARDS: "2" }, "test/support/workers/counted-root.ts");
});
afterAll(() => service.stop());

const waitFor = (condition: () => void) => vi.waitFor(condition, { timeout: PATIENCE_MS, interval: 100 });

test(`[promise 3] ${LISTENERS} listeners over two shards reconnect after a kill -9 and receive what they missed; few requests reach the root`, {
  timeout: 3 * PATIENCE_MS,
}, async () => {
  let attempts = 0;
  let isStarting = true;
  const tokens = await Promise.all(
    Array.from({ length: LISTENERS }, (_, i) => mintToken({ subject: `user-${i}`, expiresIn: 3600 })),
  );
  const listeners = tokens.map((token, i) =>
    listenToProducts(service.url, {
      productIds: [`p-${i % PRODUCTS}`],
      getToken: async () => {
        // The first connections are spread out; the test is about the reconnects.
        if (isStarting) await new Promise((resolve) => setTimeout(resolve, i * 2));
        else attempts++;
        return token;
      },
    }),
  );
  const areAllLive = () => listeners.every(({ connection }) => connection.status.state === "live");
  await waitFor(() => expect(areAllLive()).toBe(true));
  for (let n = 0; n < PRODUCTS; n++)
    await publishAt(service.url, "products", "product_updated", { product_id: `p-${n}` });
  await waitFor(() => expect(listeners.every(({ received }) => received.events.length === 1)).toBe(true));
  isStarting = false;

  const killedAt = Date.now();
  await service.kill("SIGKILL");
  await service.restart();
  for (let n = 0; n < PRODUCTS; n++)
    await publishAt(service.url, "products", "product_updated", { product_id: `p-${n}` });
  await waitFor(() => expect(areAllLive()).toBe(true));
  const liveAfter = Date.now() - killedAt;
  await waitFor(() => expect(listeners.every(({ received }) => received.events.length === 2)).toBe(true));
  const caughtUpAfter = Date.now() - killedAt;
  for (const [i, { received }] of listeners.entries()) {
    expect(received.gaps).toEqual([]);
    expect(seqsOf(received.events)).toEqual([1 + (i % PRODUCTS), 1 + PRODUCTS + (i % PRODUCTS)]);
  }

  const atRoot: Record<string, number> = (await (await fetch(`${service.url}/test/root-requests`)).json()) as never;
  const counts = Object.values(atRoot);
  const total = counts.reduce((sum, count) => sum + count, 0);
  console.log(
    `${LISTENERS} listeners: all live after ${liveAfter} ms, caught up after ${caughtUpAfter} ms, ${attempts} attempts; ` +
      `at the root ${total} requests, at most ${Math.max(0, ...counts)}/s`,
  );
  expect(attempts).toBeLessThanOrEqual(LISTENERS * 6);
  // A shard asks the root for clients that missed events while it was down, and nothing else.
  expect(total).toBeLessThanOrEqual(attempts + PRODUCTS);
});
