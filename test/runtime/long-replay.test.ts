import { afterAll, beforeAll, expect, test } from "vitest";
import { callService, listenAt } from "../support/node-client.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

const EVENTS = 10_000;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ HISTORY_LIMIT: String(EVENTS) });
});
afterAll(() => service.stop());

test("[promise 3] 10,000 missed events are replayed in order, as single frames and as arrays", {
  timeout: 120_000,
}, async () => {
  const before = await listenAt(service.url, "products");
  const { epoch } = await before.established;
  before.close();
  for (let from = 0; from < EVENTS; from += 1000) {
    const events = Array.from({ length: 1000 }, (_, i) => ({
      channel: "products",
      type: "inventory_updated",
      data: { product_id: `p${i % 50}`, new_quantity: from + i },
    }));
    expect((await callService(service.url, "POST", "publish/batch", { events })).status).toBe(200);
  }
  for (const speaksV1 of [false, true]) {
    const started = performance.now();
    const listener = await listenAt(service.url, "products", { speaksV1, query: { since: "0", epoch: String(epoch) } });
    expect((await listener.established).resumed).toBe(true);
    const frames = await listener.receive(EVENTS);
    console.log(
      `${EVENTS} events replayed as ${speaksV1 ? "arrays" : "single frames"} in ${Math.round(performance.now() - started)} ms`,
    );
    expect(frames.map(({ seq, data }) => [seq, data.new_quantity])).toEqual(
      Array.from({ length: EVENTS }, (_, i) => [i + 1, i]),
    );
    listener.close();
  }
});
