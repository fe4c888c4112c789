import { expect, test } from "vitest";
import type { OrderEvent } from "../../../src/sdk/index.ts";
import { eventText } from "../../../src/site/demo/page/components/event-text.ts";

test("an event of the shop's own type has a text", () => {
  const event = { type: "order_refunded", data: { order_id: "o" }, id: "e", seq: 1, ts: "2026-11-22T10:15:30.123Z" };
  // As a frame arrives; programs declare types of their own.
  expect(eventText(event as unknown as OrderEvent)).toBe("Order refunded");
});
