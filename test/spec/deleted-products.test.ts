import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { connect, productsObject, publish } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** A late event does not bring a deleted product back, and its version does not stay for ever. */

const DAY = 86_400_000;
afterEach(() => {
  vi.useRealTimers();
});

const versionsOf = (product: string) =>
  runInDurableObject(productsObject(), (_, { storage }) =>
    storage.sql.exec("SELECT version FROM versions WHERE product = ?", product).toArray(),
  );

test("[promise 8] an event that is late for a deleted product is stale; after the history's span its version is gone", async () => {
  stopClock();
  const product_id = crypto.randomUUID();
  const stock = (version: number) =>
    publish("products", { type: "inventory_updated", data: { product_id, new_quantity: 1 }, version });
  await stock(5);
  await publish("products", { type: "product_deleted", data: { product_id }, version: 6 });
  expect((await stock(4)).status).toBe("stale");
  advanceClock(DAY - 1000);
  expect((await stock(4)).status).toBe("stale");
  expect(await versionsOf(product_id)).toEqual([{ version: 6 }]);
  advanceClock(120_000);
  await runDurableObjectAlarm(productsObject());
  expect(await versionsOf(product_id)).toEqual([]);
});

test("[promise 3] a listener of a product that was forgotten is not resumed past its deletion", async () => {
  stopClock();
  const [product_id, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const first = (await (await connect("products", { token: await mintToken() })).frame()).data;
  const resume = async (since: number, product: string) => {
    const query = { since: String(since), epoch: String(first.epoch), product_id: product };
    return (await (await connect("products", { token: await mintToken(), query })).frame()).data.resumed;
  };
  const before = Number(first.seq);
  await publish("products", { type: "product_deleted", data: { product_id } });
  // Maintenance looks for such products once a day, and did so in the test before.
  advanceClock(3 * DAY);
  await publish("products", { type: "product_updated", data: { product_id: other } });
  await runDurableObjectAlarm(productsObject());
  expect(await versionsOf(product_id)).toEqual([]);
  expect(await resume(before, product_id)).toBe(false);
  // It may be the one that was forgotten.
  expect(await resume(before, crypto.randomUUID())).toBe(false);
  expect(await resume(before + 1, product_id)).toBe(true);
  await publish("products", { type: "product_created", data: { product_id } });
  expect(await resume(before, product_id)).toBe(false);
  expect(await resume(before + 1, product_id)).toBe(true);
});

test("a product that is created again keeps its version", async () => {
  stopClock();
  const product_id = crypto.randomUUID();
  await publish("products", { type: "product_created", data: { product_id }, version: 1 });
  await publish("products", { type: "product_deleted", data: { product_id } });
  await publish("products", { type: "product_created", data: { product_id }, version: 2 });
  advanceClock(2 * DAY);
  await runDurableObjectAlarm(productsObject());
  expect(await versionsOf(product_id)).toEqual([{ version: 2 }]);
});
