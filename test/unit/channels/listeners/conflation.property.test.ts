import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replacedIn } from "../../../../src/channels/listeners/conflation.ts";
import { FrameBatch } from "../../../../src/channels/listeners/frame-batch.ts";
import type { LoggedFrame } from "../../../../src/channels/log/log-event.ts";
import { encodeEventFrame } from "../../../../src/protocol/frames.ts";

const TYPES = ["inventory_updated", "price_updated", "product_updated", "inventory_updated_late"];
const PRODUCTS = ["a", "b", null];
const frames = fc.array(fc.record({ type: fc.constantFrom(...TYPES), productId: fc.constantFrom(...PRODUCTS) }), {
  maxLength: 12,
  size: "max",
});

/** Checks that after the last frame, a client knows the same of every product, and has every event of other types. */
const property = (replaced: typeof replacedIn) =>
  fc.property(frames, fc.nat(12), fc.nat(12), (events, from, upTo) => {
    const logged = events.map(({ type, productId }, i): LoggedFrame => {
      const data = JSON.stringify({ product_id: productId, type: "price_updated" });
      return { seq: i + 1, productId, text: encodeEventFrame({ type, data, id: "i", seq: i + 1, ts: 0 }) };
    });
    const left = replaced(logged);
    const isKept = (index: number) => !left.has(index);
    for (const [index, { type, productId }] of events.entries()) {
      const newest = events.findLastIndex((other) => other.type === type && other.productId === productId);
      const isReplaceable = type === "inventory_updated" || type === "price_updated";
      expect(isKept(index)).toBe(!isReplaceable || index === newest);
    }
    const batch = new FrameBatch(logged);
    const picked = batch.pick(["a"], from, upTo);
    const replacedByThen = replacedIn(logged.slice(0, upTo));
    expect(batch.newest(picked)).toEqual(picked.filter((index) => !replacedByThen.has(index)));
  });

test("only stock levels and prices are replaced, by the newest of the same product", () => {
  fc.assert(property(replacedIn));
});

describe("the property fails with a seeded bug:", () => {
  test.each<[string, typeof replacedIn]>([
    ["keeps the oldest", (all) => new Set([...replacedIn([...all].reverse())].map((index) => all.length - 1 - index))],
    ["mixes products up", (all) => replacedIn(all.map((frame) => ({ ...frame, productId: "a" })))],
    ["replaces any type", (all) => replacedIn(all.map((one) => ({ ...one, text: '{"type":"price_updated"' })))],
  ])("%s", (_, broken) => {
    expect(fc.check(property(broken)).failed).toBe(true);
  });
});
