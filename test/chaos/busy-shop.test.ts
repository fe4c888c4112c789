import { afterAll, beforeAll, expect, test } from "vitest";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { callTest, startMortalShards } from "../support/shards/mortal-service.ts";
import type { Workerd } from "../support/workerd.ts";

/** A shop with 100 events a second, after ten minutes: what the history of products has to bear. */

/** The default limit of their history. */
const EVENTS = 60_000;
const BATCH = 1000;
let service: Workerd;
beforeAll(async () => {
  service = await startMortalShards(1, "");
});
afterAll(() => service.stop());

const stock = (product: string, n: number) => ({
  type: "inventory_updated",
  data: { product_id: product, new_quantity: n },
});

async function publish(product: string, n: number): Promise<number> {
  const response = await callService(service.url, "POST", "publish/products", stock(product, n));
  return (await response.json<{ seq: number }>()).seq;
}

async function publishBusy(count: number): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const events = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => ({
      channel: "products",
      ...stock(`busy-${(from + i) % 5000}`, from + i),
    }));
    expect((await callService(service.url, "POST", "publish/batch", { events })).status).toBe(200);
  }
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await action();
  return Math.round((performance.now() - started) * 10) / 10;
}

test("[promise 3] a listener of one product, away while 60,000 others change, receives exactly its own", async () => {
  const before = await listenAt(service.url, "products", { query: { product_id: "mine" } });
  const { epoch, seq } = await before.established;
  before.close();
  const since = await publish("mine", 0);
  await publishBusy(EVENTS / 2);
  const mine = [await publish("mine", 1)];
  await publishBusy(EVENTS / 2);
  mine.push(await publish("mine", 2));
  await publishBusy(EVENTS / 4);
  // A shard that stays awake remembers more of a product than the history has.
  await service.restart();
  const resume = async (position: number, query: Record<string, string>) => {
    const listener = await listenAt(service.url, "products", {
      query: { since: String(position), epoch: String(epoch), ...query },
    });
    const { resumed } = await listener.established;
    if (resumed) await listener.receive(mine.length);
    listener.close();
    return { resumed, seqs: listener.frames.map((frame) => frame.seq) };
  };
  for (const place of ["a shard", "the root"]) {
    if (place === "the root") await callTest(service, "shards?count=0");
    const ms = await timed(async () =>
      expect(await resume(since, { product_id: "mine" })).toEqual({ resumed: true, seqs: mine }),
    );
    console.log(`resume of 2 events among ${EVENTS} at ${place}: ${ms} ms`);
    // Its first event has left the history, so unfiltered listeners cannot resume from any of these positions.
    expect(await resume(Number(seq), { product_id: "mine" })).toEqual({ resumed: false, seqs: [] });
    expect(await resume(since, {})).toEqual({ resumed: false, seqs: [] });
  }
});

test("the first event after a wake need not read the whole history", async () => {
  await service.restart();
  // Loads everything but the products.
  const order = await registerOrderAt(service.url);
  for (let n = 0; n < 20; n++) {
    await callService(service.url, "POST", `publish/orders/${order}`, { type: "order_shipped", data: {} });
  }
  const first = await timed(() => publish("mine", 3));
  const second = await timed(() => publish("mine", 4));
  console.log(`the first event after a wake, with ${EVENTS} events of history: ${first} ms; the second: ${second} ms`);
});
