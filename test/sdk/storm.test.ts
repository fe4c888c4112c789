import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DEFAULT_TUNING } from "../../src/sdk/index.ts";
import { keepIfLong } from "../chaos/results.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, publishAfterRestart, seqsOf, upTo } from "./support/listener.ts";

/** All clients lose their connection in the same moment and reconnect. Both ends are on this machine. */

/** `npm run test:chaos -- --storm` has 5,000. */
const CLIENTS = Number(process.env.STORM_LISTENERS ?? 2000);
const ORDERS = 20;
const SLOT_MS = 250;
/** Two thousand handshakes take a while on a small, busy machine. */
const PATIENCE_MS = 120_000;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

const waitFor = (condition: () => void) => vi.waitFor(condition, { timeout: PATIENCE_MS, interval: 250 });

test(`${CLIENTS} clients reconnect after a kill -9, spread over time, and all receive what they missed`, async () => {
  const orders = await Promise.all(Array.from({ length: ORDERS }, () => registerOrderAt(service.url)));
  const attempts: number[] = [];
  /** When each client lost its connection, and how much later its first retry began. */
  const lostAt = new Map<number, number>();
  const firstDelays = new Map<number, number>();
  const tokens = await Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => mintToken({ subject: `user-${i}`, role: "admin", expiresIn: 3600 })),
  );
  const clients = tokens.map((token, i) =>
    listenToOrder(service.url, String(orders[i % ORDERS]), {
      // The first connections are spread out; the test is about the reconnects.
      getToken: async () => {
        if (isStarting) await new Promise((resolve) => setTimeout(resolve, (i / CLIENTS) * 4000));
        else {
          attempts.push(Date.now());
          if (!firstDelays.has(i)) firstDelays.set(i, Date.now() - (lostAt.get(i) ?? Number.NaN));
        }
        return token;
      },
      onStatus(status) {
        if (status.state === "recovering" && !lostAt.has(i)) lostAt.set(i, Date.now());
      },
    }),
  );
  let isStarting = true;
  const liveCount = () => clients.filter(({ connection }) => connection.status.state === "live").length;
  await waitFor(() => expect(liveCount()).toBe(CLIENTS));
  isStarting = false;

  // Connections that were live for this long start with the first back-off.
  await new Promise((resolve) => setTimeout(resolve, DEFAULT_TUNING.stableMs));
  const killedAt = Date.now();
  await service.restart();
  for (const order of orders) await publishAfterRestart(service.url, `orders/${order}`, "order_shipped", {});
  await waitFor(() => expect(liveCount()).toBe(CLIENTS));
  const liveAfterMs = Date.now() - killedAt;
  await waitFor(() => {
    for (const { received } of clients) expect(seqsOf(received.events)).toEqual(upTo(1));
  });
  const caughtUpAfterMs = Date.now() - killedAt;
  keepIfLong("storm", {
    orders: { listeners: CLIENTS, attempts: attempts.length, liveAfterMs, caughtUpAfterMs },
  });

  const slots: number[] = [];
  for (const at of attempts) {
    const slot = Math.floor((at - killedAt) / SLOT_MS);
    slots[slot] = (slots[slot] ?? 0) + 1;
  }
  const histogram = Array.from(slots, (count = 0, slot) => `${slot * SLOT_MS} ms: ${count}`).join(", ");
  console.log(`${attempts.length} attempts of ${CLIENTS} clients; all live after ${liveAfterMs} ms; ${histogram}`);
  // Few attempts per client, and never all clients at once. Timers on a busy machine fire late but never early, so the
  // first half of the back-off may see fewer than half of the clients, even none, but not many more.
  expect(attempts.length).toBeLessThanOrEqual(CLIENTS * 6);
  expect(Math.max(...slots.filter(Boolean))).toBeLessThan(CLIENTS);
  const delays = [...firstDelays.values()];
  expect(delays).toHaveLength(CLIENTS);
  const within = (ms: number) => delays.filter((delay) => delay < ms).length / CLIENTS;
  expect(within(DEFAULT_TUNING.firstBackoffMs / 2)).toBeLessThan(0.7);
  for (const { received } of clients) expect(received.gaps).toEqual([]);

  for (const { connection } of clients) connection.close();
  await waitFor(async () => {
    const health = await (await callService(service.url, "GET", "ws/health")).json();
    expect((health as { total_connections: number }).total_connections).toBe(0);
  });
});
