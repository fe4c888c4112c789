import { describe, expect, test } from "vitest";
import { checkRun } from "../../chaos/model/checker.ts";
import type { Published, Received, RunRecord } from "../../chaos/model/record.ts";
import { BUGS } from "../../chaos/model/tampering.ts";

/** The checker of the runs under failures: it accepts a sound run, and finds each seeded bug. */

const ORDERS = ["order_a", "order_b"];
const PRODUCTS = ["p-0", "p-1", "p-2"];
const EVENTS = 12;

function event(channel: string, seq: number): Received {
  const id = `${channel}-${seq}`;
  if (channel === "products") {
    return { seq, id, type: "product_updated", data: { product_id: PRODUCTS[seq % 3], n: seq } };
  }
  return { seq, id, type: "order_status_changed", data: { new_status: `status-${seq}`, n: seq } };
}

/** A run in which a listener of each channel is disconnected once and resumes, and products have a filtered listener. */
function soundRun(): RunRecord {
  let tick = 0;
  const channels = [...ORDERS, "products"];
  const events = (channel: string, from = 0, to = EVENTS) =>
    Array.from({ length: to - from }, (_, i) => event(channel, from + 1 + i));
  const state = (channel: string, seq: number) =>
    channel === "products" ? null : { status: seq === 0 ? "pending" : `status-${seq}`, payment_status: "pending" };
  const segment = (channel: string, from: number, to: number, isOwn: (one: Received) => boolean) => ({
    epoch: "e",
    from,
    resumed: from === 0 ? null : true,
    first: { seq: from, state: state(channel, from) },
    events: events(channel, from, to).filter(isOwn),
  });
  const listener = (channel: string, filter: string[] | null) => {
    const isOwn = (one: Received) => filter === null || filter.includes(String(one.data.product_id));
    const first = segment(channel, 0, 6, isOwn);
    const second = segment(channel, first.events.at(-1)?.seq ?? 0, EVENTS, isOwn);
    return { name: `listener of ${filter ?? "all"}`, channel, filter, segments: [first, second], isCaughtUp: true };
  };
  return {
    published: channels.flatMap((channel) =>
      events(channel).map(
        ({ seq, ...sent }): Published => ({
          ...sent,
          channel,
          via: "http",
          version: seq,
          product: channel === "products" ? String(sent.data.product_id) : null,
          sentAt: ++tick,
          answeredAt: ++tick,
          answers: [{ status: "applied", seq }],
          mayBeLost: false,
        }),
      ),
    ),
    listeners: [...channels.map((channel) => listener(channel, null)), listener("products", ["p-1"])],
    histories: channels.map((channel) => ({
      channel,
      epoch: "e",
      base: 0,
      seq: EVENTS,
      events: events(channel),
      state: state(channel, EVENTS),
    })),
    initialState: { status: "pending", payment_status: "pending" },
    mayLosePosition: false,
  };
}

test("a sound run has no violation", () => {
  const { violations, checks } = checkRun(soundRun());
  expect(violations).toEqual([]);
  expect(checks).toBeGreaterThan(300);
});

describe("a seeded bug is found:", () => {
  for (const { name, expected, seed } of BUGS) {
    test(name, () => {
      const record = soundRun();
      expect(seed(record)).toBe(true);
      const kinds = checkRun(record).violations.map(({ kind }) => kind);
      expect(kinds.filter((kind) => expected.includes(kind))).not.toEqual([]);
    });
  }

  test("a write that no listener heard is lost", () => {
    const record = soundRun();
    record.listeners = [];
    for (const history of record.histories) {
      history.events.pop();
      history.seq--;
    }
    expect(checkRun(record).violations.filter(({ kind }) => kind === "lost")).toHaveLength(ORDERS.length + 1);
  });

  test("an entry that the stream accepted is lost", () => {
    const record = soundRun();
    const [first] = record.published;
    record.published.push({
      ...(first as Published),
      id: "queued",
      version: null,
      answers: [{ status: "queued", seq: null }],
    });
    expect(checkRun(record).violations).toMatchObject([{ kind: "lost" }]);
  });

  test("an event precedes one that was acknowledged before it was sent", () => {
    const record = soundRun();
    const [first] = record.published;
    Object.assign(first as Published, { sentAt: 1000, answeredAt: 1001 });
    expect(checkRun(record).violations).toMatchObject([{ kind: "reordered" }]);
  });
});
