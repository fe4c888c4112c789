import { describe, expect, test } from "vitest";
import {
  applyToOrder,
  type ChangeContext,
  mayListen,
  type OrderChange,
} from "../../../../src/channels/order/order-rules.ts";
import { type OrderState, UNKNOWN_ORDER } from "../../../../src/channels/order/order-state.ts";
import { catalogueWith } from "../../../../src/protocol/catalogue.ts";
import { type AcceptedEvent, checkEvent, type OrderRegistration } from "../../../../src/protocol/publish.ts";

const ORDER_ID = "123e4567-e89b-12d3-a456-426614174000";
const terminalStatuses = new Set(["delivered", "cancelled", "refunded"]);
const context: ChangeContext = { orderId: ORDER_ID, isKnown: true, now: 1000, terminalStatuses, newId: () => "made" };
const pending: OrderState = { ...UNKNOWN_ORDER, user_id: "alice", status: "pending", payment_status: "unpaid" };

function event(type: string, more: Record<string, unknown> = {}, data: Record<string, unknown> = {}): AcceptedEvent {
  const checked = checkEvent(catalogueWith([]), { type, data, ...more }, `order_${ORDER_ID}`, "e", 0);
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors));
  return checked.value;
}

function changeBy(state: OrderState, ...args: Parameters<typeof event>): OrderChange {
  const change = applyToOrder(state, event(...args), context);
  if (change === "stale") throw new Error("stale");
  return change;
}

const registering = (order: OrderRegistration, version: number | null) => ({ version, order, statusChange: {} });

function register(state: OrderState, registration: OrderRegistration, version: number | null = null): OrderChange {
  const change = applyToOrder(state, registering(registration, version), context);
  if (change === "stale") throw new Error("stale");
  return change;
}

const saysOf = ({ corrections }: OrderChange) =>
  corrections.map(({ type, data }) => [type, JSON.parse(data).old_status, JSON.parse(data).new_status]);

describe("an event changes an order's state", () => {
  test("by its type, or by what it says", () => {
    expect(changeBy(pending, "order_shipped").state.status).toBe("shipped");
    expect(changeBy(pending, "order_status_changed", {}, { new_status: "packed" }).state.status).toBe("packed");
    expect(changeBy(pending, "payment_status_changed", {}, { new_status: "paid" }).state).toEqual({
      ...pending,
      payment_status: "paid",
      changedAt: 1000,
    });
  });

  test("and its version becomes the order's; an event without one leaves it", () => {
    const versioned = changeBy(pending, "order_shipped", { version: 5 }).state;
    expect(versioned.version).toBe(5);
    expect(changeBy(versioned, "order_delivered").state.version).toBe(5);
  });

  test("unless its version is not newer: then it is stale", () => {
    const versioned = { ...pending, version: 5 };
    for (const version of [0, 4, 5]) {
      expect(applyToOrder(versioned, event("order_shipped", { version }), context)).toBe("stale");
    }
    expect(applyToOrder(versioned, event("order_shipped", { version: 6 }), context)).not.toBe("stale");
  });

  test("and the first terminal status starts retention, until another status ends it", () => {
    const delivered = changeBy(pending, "order_delivered").state;
    expect(delivered.endedAt).toBe(1000);
    const later = applyToOrder(delivered, event("order_cancelled"), { ...context, now: 2000 });
    expect(later !== "stale" && later.state.endedAt).toBe(1000);
    expect(changeBy(delivered, "order_shipped").state.endedAt).toBe(null);
  });
});

describe("a registration beside an event", () => {
  const order = { user_id: "alice", status: "packed", payment_status: "paid" };

  test("is corrected by events for whatever the event itself does not say", () => {
    const change = changeBy(pending, "order_shipped", { order });
    expect(change.state).toMatchObject({ status: "shipped", payment_status: "paid" });
    expect(saysOf(change)).toEqual([["payment_status_changed", "unpaid", "paid"]]);
  });

  test("needs no correction where it changes nothing, or where no listener can know the state", () => {
    expect(changeBy({ ...pending, payment_status: "paid" }, "order_shipped", { order }).corrections).toEqual([]);
    const first = applyToOrder(UNKNOWN_ORDER, event("order_shipped", { order }), { ...context, isKnown: false });
    expect(first !== "stale" && first.corrections).toEqual([]);
  });

  test("says whether the order has a new owner", () => {
    expect(changeBy(pending, "order_shipped", { order }).hasNewOwner).toBe(false);
    expect(changeBy(pending, "order_shipped", { order: { ...order, user_id: "bob" } }).hasNewOwner).toBe(true);
    expect(changeBy(pending, "order_shipped").hasNewOwner).toBe(false);
  });
});

describe("a registration by itself", () => {
  test("announces each status that it changes, and keeps the version", () => {
    const registration = { user_id: "alice", status: "packed", payment_status: "paid" };
    const change = register({ ...pending, version: 3 }, registration);
    expect(change.state).toMatchObject({ ...registration, version: 3 });
    expect(saysOf(change)).toEqual([
      ["order_status_changed", "pending", "packed"],
      ["payment_status_changed", "unpaid", "paid"],
    ]);
  });

  test("ends the former owner's tickets, but not those issued before the first owner was known", () => {
    const registration = { user_id: "bob", status: "pending", payment_status: "unpaid" };
    const ofAlice = { ...pending, ticketGeneration: "g" };
    expect(register(ofAlice, registration).state.ticketGeneration).toBe(null);
    const ofNobodyYet = { ...ofAlice, user_id: null };
    expect(register(ofNobodyYet, registration).state.ticketGeneration).toBe("g");
  });
});

describe("a registration with a version", () => {
  const registration = { user_id: "alice", status: "pending", payment_status: "unpaid" };

  test("is stale unless the version is newer than the last one applied, by whatever applied it", () => {
    for (const version of [0, 4, 5]) {
      expect(applyToOrder({ ...pending, version: 5 }, registering(registration, version), context)).toBe("stale");
    }
    expect(register({ ...pending, version: 5 }, registration, 6).state.version).toBe(6);
    expect(register(pending, registration, 0).state.version).toBe(0);
  });
});

describe("a terminal status", () => {
  test.each(["delivered", "Delivered", "REFUNDED"])("%s starts retention, whatever its case", (new_status) => {
    expect(changeBy(pending, "order_status_changed", {}, { new_status }).state.endedAt).toBe(1000);
  });
});

describe("who may listen", () => {
  const user = { subject: "alice", isAdmin: false, orderId: null, ticketGeneration: null };
  const guest = { subject: "ticket:1", isAdmin: false, orderId: ORDER_ID, ticketGeneration: "g" };
  const order = { ...pending, ticketGeneration: "g" };

  test.each([
    ["the owner", order, user, true],
    ["another user", order, { ...user, subject: "bob" }, false],
    ["any user of an order without an owner", { ...order, user_id: null }, user, false],
    ["an admin", order, { ...user, subject: "bob", isAdmin: true }, true],
    ["the shop's own service", order, "service" as const, true],
    ["a guest with a current ticket", order, guest, true],
    ["a guest with a ticket of an earlier generation", order, { ...guest, ticketGeneration: "f" }, false],
    ["a guest of another order", order, { ...guest, orderId: crypto.randomUUID() }, false],
    ["a guest of an order that issued no ticket", pending, { ...guest, ticketGeneration: null }, false],
    ["a guest named like the owner", { ...pending, user_id: "ticket:1" }, guest, false],
  ])("%s", (_, state, requester, expected) => {
    expect(mayListen(state, ORDER_ID, requester)).toBe(expected);
  });
});
