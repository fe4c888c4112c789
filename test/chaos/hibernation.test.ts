import { afterAll, beforeAll, expect, test } from "vitest";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { callService, listenAt, type NodeListener, registerOrderAt } from "../support/node-client.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** In the bare runtime, which hibernates an object after ten seconds without work. */

const SOCKETS = 100;
const IDLE_MS = 15_000;
/** A busy day for products. */
const PRODUCT_SOCKETS = 5000;
const EVENTS = 10_000;
/** How many sockets are opened at a time. */
const OPENED_TOGETHER = 100;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ HISTORY_LIMIT: String(EVENTS) }, "test/support/workers/logged-wakes.ts");
});
afterAll(() => service.stop());

test("[promise 6] after 15 s without work a channel with 100 open sockets has hibernated, and its next event reaches all 100", async () => {
  const order = await registerOrderAt(service.url);
  const listeners = await Promise.all(
    Array.from({ length: SOCKETS }, () => listenAt(service.url, `orders/${order}`, { expiresIn: 3600 })),
  );
  const wakes = () => service.log.match(/^woke .*$/gm) ?? [];
  expect(wakes()).toEqual([`woke order_${order} with 0 sockets`]);

  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));

  const response = await callService(service.url, "POST", `publish/orders/${order}`, {
    type: "order_shipped",
    data: {},
  });
  expect(await response.json()).toMatchObject({ seq: 1, receivers: SOCKETS } satisfies Partial<PublishResult>);
  for (const listener of listeners) expect((await listener.receive(1))[0]?.seq).toBe(1);
  // The object was constructed again for this event, and for nothing before it.
  expect(wakes()).toEqual([`woke order_${order} with 0 sockets`, `woke order_${order} with ${SOCKETS} sockets`]);
  const alarm = service.log
    .match(/^alarm (\d+)$/gm)
    ?.at(-1)
    ?.replace("alarm ", "");
  expect(Number(alarm)).toBeGreaterThan(60_000);
  for (const listener of listeners) listener.close();
});

test.each([
  { shards: 0, place: "the root" },
  { shards: 2, place: "two shards" },
])(
  `the products' first event after a wake, with ${PRODUCT_SOCKETS} sockets at $place and ${EVENTS} events of history, reaches all of them`,
  async ({ shards, place }) => {
    const vars = { HISTORY_LIMIT: String(EVENTS), PRODUCTS_SHARDS: String(shards) };
    const service = await startTidings(vars, "test/support/workers/logged-wakes.ts");
    const event = { channel: "products", type: "product_updated", data: { product_id: "p" } };
    for (let from = 0; from < EVENTS; from += 1000) {
      await callService(service.url, "POST", "publish/batch", { events: Array(1000).fill(event) });
    }
    const listeners: NodeListener[] = [];
    while (listeners.length < PRODUCT_SOCKETS) {
      const open = (_: unknown, i: number) =>
        listenAt(service.url, "products", { subject: `user-${listeners.length + i}`, expiresIn: 3600 });
      listeners.push(...(await Promise.all(Array.from({ length: OPENED_TOGETHER }, open))));
    }
    /** The numbers of sockets with which objects of the products woke, after their first wake. */
    const wakes = () =>
      [...service.log.matchAll(/^woke products\S* with (\d+) sockets$/gm)].map(([, count]) => Number(count));
    expect(wakes()).toEqual(Array(1 + shards).fill(0));

    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));

    const started = performance.now();
    const msSince = () => Math.round(performance.now() - started);
    const [first, ...others] = listeners;
    const [published, firstAt, lastAt] = await Promise.all([
      callService(service.url, "POST", "publish/products", { type: event.type, data: event.data }),
      first?.receive(1).then(msSince),
      Promise.all(others.map((listener) => listener.receive(1))).then(msSince),
    ]);
    // The root has forgotten how many listeners its shards have.
    const receivers = shards === 0 ? PRODUCT_SOCKETS : 0;
    expect(await published.json()).toMatchObject({ seq: EVENTS + 1, receivers });
    // Every object woke once more, with the sockets it had.
    expect(wakes()).toHaveLength(2 * (1 + shards));
    expect(wakes().reduce((sum, count) => sum + count)).toBe(PRODUCT_SOCKETS);
    console.log(
      `after a wake, the first of ${PRODUCT_SOCKETS} sockets at ${place} received an event in ${firstAt} ms, the last in ${lastAt} ms`,
    );
    for (const listener of listeners) listener.close();
    await service.stop();
  },
);
