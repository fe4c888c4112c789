import { describe, expect, test } from "vitest";
import { DeliveryCounter } from "../../../src/site/demo/page/state/delivery-counter.ts";

const position = (seq: number, epoch = "a") => ({ epoch, seq });
const startedAt = (seq: number) => {
  const counter = new DeliveryCounter();
  counter.startAt(position(seq));
  return counter;
};

describe("the demo's delivery counter", () => {
  test("counts received against expected events", () => {
    const counter = startedAt(7);
    for (const seq of [8, 9, 10]) counter.receive(seq);
    expect(counter.counts()).toEqual({ received: 3, expected: 3, missed: 0, duplicates: 0 });
  });

  test("detects a missed event", () => {
    const counter = startedAt(0);
    for (const seq of [1, 3]) counter.receive(seq);
    expect(counter.counts()).toMatchObject({ received: 2, expected: 3, missed: 1 });
  });

  test("counts acknowledged events as missed until they arrive", () => {
    const counter = startedAt(0);
    counter.expectUpTo(2);
    expect(counter.counts()).toMatchObject({ expected: 2, missed: 2 });
    for (const seq of [1, 2]) counter.receive(seq);
    expect(counter.counts()).toMatchObject({ received: 2, expected: 2, missed: 0 });
  });

  test("detects a duplicate and counts the event as received once", () => {
    const counter = startedAt(0);
    for (const seq of [1, 2, 2]) counter.receive(seq);
    expect(counter.counts()).toEqual({ received: 2, expected: 2, missed: 0, duplicates: 1 });
  });

  test("continues after a reconnect in the same epoch and starts over in another one", () => {
    const counter = startedAt(0);
    counter.receive(1);
    counter.startAt(position(1));
    expect(counter.counts()).toMatchObject({ received: 1, expected: 1 });
    counter.startAt(position(5, "b"));
    expect(counter.counts()).toEqual({ received: 0, expected: 0, missed: 0, duplicates: 0 });
  });

  test("does not count events in a reported gap as missed", () => {
    const counter = startedAt(0);
    counter.receive(1);
    counter.skipTo(position(50));
    counter.receive(51);
    expect(counter.counts()).toEqual({ received: 1, expected: 1, missed: 0, duplicates: 0 });
  });

  test("counts events that arrived in the same message as the first frame", () => {
    const counter = startedAt(3);
    for (const seq of [1, 2, 3]) counter.receive(seq);
    expect(counter.counts()).toEqual({ received: 3, expected: 3, missed: 0, duplicates: 0 });
  });

  test("expects nothing before the first connection", () => {
    const counter = new DeliveryCounter();
    counter.expectUpTo(9);
    expect(counter.counts()).toMatchObject({ expected: 0, missed: 0 });
  });
});
