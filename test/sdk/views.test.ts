import { describe, expect, test } from "vitest";
import {
  MAX_PRODUCTS,
  MAX_TIMELINE,
  withOrderEvent,
  withProductEvents,
  withSnapshot,
} from "../../src/sdk/hooks/views.ts";
import type { OrderEvent, OrderSnapshot, ProductEvent } from "../../src/sdk/index.ts";

/** The views that snapshots and events add up to. */

const snapshot = (more: Partial<OrderSnapshot> = {}): OrderSnapshot => ({
  order_id: "o",
  current_status: "processing",
  payment_status: "paid",
  tracking_number: null,
  carrier: null,
  channel: "order_o",
  epoch: "e",
  seq: 3,
  resumed: null,
  ...more,
});
const ts = "2026-11-22T10:15:30.123Z";
const shipped = (seq: number): OrderEvent => ({
  type: "order_shipped",
  data: { order_id: "o", tracking_number: "1Z", carrier: "UPS" },
  id: `e${seq}`,
  seq,
  ts,
});
const stock = (product_id: string, new_quantity: number): ProductEvent => ({
  type: "inventory_updated",
  data: { product_id, new_quantity },
  id: "x",
  seq: 1,
  ts,
});

describe("an order", () => {
  test("has the state of the snapshot, and changes with events", () => {
    const view = withOrderEvent(withSnapshot(null, snapshot()), shipped(4));
    expect(view).toMatchObject({ status: "shipped", payment_status: "paid", tracking_number: "1Z", carrier: "UPS" });
    expect(view.timeline.map(({ seq }) => seq)).toEqual([4]);
  });

  test("takes the status that the frame of a shop's own event has, and none from its data", () => {
    const own = { ...shipped(4), type: "order_refunded", data: { order_id: "o", new_status: "odd" } };
    const before = withSnapshot(null, snapshot());
    // As frames arrive; programs declare types of their own.
    expect(withOrderEvent(before, own as unknown as OrderEvent).status).toBe("processing");
    const view = withOrderEvent(before, { ...own, status: "refunded" } as unknown as OrderEvent);
    expect(view).toMatchObject({ status: "refunded", timeline: [{ type: "order_refunded" }] });
  });

  test("does not go back when events that the snapshot includes are replayed", () => {
    const later = snapshot({ current_status: "delivered", tracking_number: "2Z", seq: 9 });
    const view = withOrderEvent(withSnapshot(null, later), shipped(8));
    expect(view).toMatchObject({ status: "delivered", tracking_number: "2Z" });
    expect(view.timeline).toHaveLength(1);
  });

  test("keeps a bounded timeline across snapshots", () => {
    let view = withSnapshot(null, snapshot({ seq: 0 }));
    for (let seq = 1; seq <= MAX_TIMELINE + 5; seq++) view = withOrderEvent(view, shipped(seq));
    view = withSnapshot(view, snapshot({ current_status: "delivered", seq: 200 }));
    expect(view.status).toBe("delivered");
    expect(view.timeline).toHaveLength(MAX_TIMELINE);
    expect(view.timeline.at(-1)?.seq).toBe(MAX_TIMELINE + 5);
  });
});

describe("products", () => {
  test("hold what events reported about each", () => {
    const before = new Map();
    const price = {
      ...stock("a", 0),
      type: "price_updated",
      data: { product_id: "a", new_price: 9.99 },
    } as ProductEvent;
    const deleted = { ...stock("b", 0), type: "product_deleted", data: { product_id: "b" } } as ProductEvent;
    const products = withProductEvents(before, [stock("a", 5), price, stock("b", 1), deleted]);
    expect(products.get("a")).toMatchObject({ new_quantity: 5, new_price: 9.99, isDeleted: false });
    expect(products.get("b")).toMatchObject({ new_quantity: 1, isDeleted: true });
    expect(before.size).toBe(0);
  });

  test("take no values from a shop's own events, in which a field may mean anything", () => {
    const own = { ...stock("a", 0), type: "stock_reserved", data: { product_id: "a", new_quantity: "some" } };
    // As frames arrive; programs declare types of their own.
    const products = withProductEvents(new Map(), [stock("a", 5), own as unknown as ProductEvent]);
    expect(products.get("a")).toMatchObject({
      new_quantity: 5,
      isDeleted: false,
      lastEvent: { type: "stock_reserved" },
    });
  });

  test("are bounded: the least recently changed are dropped", () => {
    const many = Array.from({ length: MAX_PRODUCTS + 1 }, (_, i) => stock(`p${i}`, i));
    const products = withProductEvents(new Map(), [...many, stock("p1", 7)]);
    expect(products.size).toBe(MAX_PRODUCTS);
    expect(products.has("p0")).toBe(false);
    expect(products.get("p1")?.new_quantity).toBe(7);
  });
});
