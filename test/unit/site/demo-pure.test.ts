import { expect, test } from "vitest";
import { REFUSALS } from "../../../src/protocol/refusals.ts";
import { type ProductMap, withProductEvents } from "../../../src/sdk/hooks/views.ts";
import type { ProductEvent } from "../../../src/sdk/index.ts";
import { axisTicks, axisTop, linePath, timeRange } from "../../../src/site/demo/page/components/chart-scale.ts";
import { ORDER_ACTIONS, type OrderAction, stepsTaken } from "../../../src/site/demo/page/service/order-steps.ts";
import { refusalText } from "../../../src/site/demo/page/service/refusal-fix.ts";
import { priceChange, sale } from "../../../src/site/demo/page/state/product-change.ts";
import { currentProducts, type Product } from "../../../src/site/demo/page/state/products.ts";
import { durationText, roundTrips, tripMs } from "../../../src/site/demo/page/state/round-trips.ts";

/** The demo page's rules. */

test("the value axis ends at a round number that no value exceeds, and names no fraction of a count", () => {
  expect([0, 1, 1.2, 3, 7, 10, 11, 480].map((value) => axisTop([[value, null]]))).toEqual([
    1, 1, 2, 5, 10, 10, 20, 500,
  ]);
  expect(axisTicks(1, true)).toEqual([0, 1]);
  expect(axisTicks(1, false)).toEqual([0, 0.5, 1]);
});

test("a chart covers at least a minute, and its line has a gap where a value is unknown", () => {
  expect(timeRange([100, 103])).toEqual([43, 103]);
  expect(timeRange([100, 300])).toEqual([100, 300]);
  const same = (value: number) => value;
  expect(linePath([0, 1, 2, 3], [5, 6, null, 7], same, same)).toBe("M0.0 5.0L1.0 6.0M3.0 7.0");
});

test("every refusal has a title and a fix", () => {
  for (const [reason, { status, title }] of Object.entries(REFUSALS)) {
    if (status === null) continue;
    const text = refusalText({ status, body: { type: `urn:tidings:problem:${reason}`, title } });
    expect(text).toMatchObject({ status: String(status), title });
    expect(text.fix, reason).toMatch(/\.$/);
    expect(text.fix, reason).not.toContain("for this call");
  }
  expect(refusalText({ status: 0, body: {} }).fix).toContain("running");
  expect(refusalText({ status: 502, body: {} })).toMatchObject({ status: "502", title: "Unexpected response" });
});

test("an order's buttons follow its way from placed to delivered, or cancelled", () => {
  const open = (status: string, payment_status: string) =>
    (Object.keys(ORDER_ACTIONS) as OrderAction[]).filter(
      (action) => ORDER_ACTIONS[action].obstacle({ status, payment_status }) === null,
    );
  expect(open("pending", "pending")).toEqual(["Pay", "Cancel"]);
  expect(open("pending", "paid")).toEqual(["Ship", "Cancel"]);
  expect(open("shipped", "paid")).toEqual(["Deliver", "Cancel"]);
  expect(open("delivered", "paid")).toEqual([]);
  expect(open("cancelled", "pending")).toEqual([]);
  expect(stepsTaken({ status: "shipped", payment_status: "paid" })).toEqual([true, true, true, false]);
});

test("the board tells values that events reported from those of the opening catalogue", () => {
  const event = (seq: number, data: object) => ({ seq, data: { product_id: "p-42", ...data } });
  const seen = (...events: object[]) => withProductEvents(new Map(), events as ProductEvent[]);
  const mug = (products: ProductMap) => currentProducts(products).find(({ id }) => id === "p-42");
  const stock = { type: "inventory_updated", ...event(1, { old_quantity: 10, new_quantity: 9 }) };
  const price = { type: "price_updated", ...event(2, { old_price: 12.5, new_price: 9.99 }) };
  expect(mug(new Map())).toMatchObject({ quantity: 10, price: 12.5, hasOpeningValue: true, lastChange: null });
  expect(mug(seen(stock))).toMatchObject({ quantity: 9, price: 12.5, hasOpeningValue: true });
  const reported = mug(seen(stock, price));
  expect(reported).toMatchObject({ quantity: 9, price: 9.99, hasOpeningValue: false, openingPrice: 12.5 });
  expect(reported?.lastChange).toEqual({ seq: 2, field: "price", direction: "down" });
  expect(mug(seen({ type: "product_deleted", ...event(3, {}) }))).toBeUndefined();
  const added = { type: "product_created", seq: 4, data: { product_id: "p-99" } };
  expect(currentProducts(seen(added)).at(-1)).toMatchObject({ id: "p-99", quantity: null, hasOpeningValue: false });
});

test("a value goes up or down only if the event reports the old value", () => {
  const directions = [2, 3, 4, null, undefined].map((old_quantity) => {
    const data = { product_id: "p-42", old_quantity, new_quantity: 3 };
    const products = withProductEvents(new Map(), [{ type: "inventory_updated", seq: 1, data } as ProductEvent]);
    return currentProducts(products).find(({ id }) => id === "p-42")?.lastChange?.direction;
  });
  expect(directions).toEqual(["up", null, "down", null, null]);
});

test("the shop floor sells and restocks, reduces and restores, and leaves an unknown price alone", () => {
  const changes = (product: Partial<Product>) => {
    const whole = { quantity: 3, price: 12.5, openingPrice: 12.5, ...product } as Product;
    return { ...sale(whole), ...priceChange(whole) };
  };
  expect(changes({})).toEqual({ quantity: 2, price: 11.25 });
  expect(changes({ quantity: 0, price: 11.25 })).toEqual({ quantity: 25, price: 12.5 });
  expect(changes({ openingPrice: null })).toEqual({ quantity: 2, price: 11.25 });
  expect(changes({ quantity: null, price: null, openingPrice: null })).toEqual({ quantity: 25 });
});

test("a round trip is measured from the publish call to the arrival, in whichever order the answers come", () => {
  const event = { id: "e-1", seq: 7, type: "order_refunded", data: {}, ts: "2026-11-22T10:15:30.123Z" };
  roundTrips.publish("e-1", "products");
  // As a frame arrives; programs declare types of their own.
  roundTrips.receive(event as never, "products", false);
  roundTrips.acknowledge("e-1", "products", 7);
  roundTrips.publish("refused", "products");
  roundTrips.forget("refused", "products");
  roundTrips.receive({ ...event, id: "e-2" } as never, "products", true);
  const [mine, other, ...more] = roundTrips.get();
  expect(mine && tripMs(mine)).toBeGreaterThanOrEqual(0);
  expect(mine).toMatchObject({ seq: 7, isRecovered: false });
  expect(other && tripMs(other)).toBeNull();
  expect(other).toMatchObject({ publishedAt: null, isRecovered: true });
  expect(more).toEqual([]);
  // Published again with the same id, the event is a duplicate: nothing is sent.
  roundTrips.publish("e-1", "products");
  roundTrips.forget("e-1", "products");
  expect(roundTrips.get()[0]).toBe(mine);
  // The same id in another channel is another event.
  roundTrips.publish("e-1", "order");
  roundTrips.receive(event as never, "order", false);
  expect(roundTrips.get().map(({ channel }) => channel)).toEqual(["products", "products", "order"]);
  expect(roundTrips.get()[0]).toBe(mine);
  expect([0.84, 8.36, 12.4, 3410].map(durationText)).toEqual(["< 1 ms", "8.4 ms", "12 ms", "3.4 s"]);
});
