import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readEntry, timeOf } from "../../../src/ingress/redis/entry.ts";
import { compareIds, findGap, parseStreamInfo } from "../../../src/ingress/redis/gaps.ts";
import { checkEvent, MAX_EVENT_BYTES } from "../../../src/protocol/publish.ts";
import { entryFields } from "../../../src/protocol/stream.ts";

const ORDER = "123e4567-e89b-12d3-a456-426614174000";

describe("an entry", () => {
  test("whatever stands in it, is an event or has a reason", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("channel", "type", "data", "id", "version", "order", "x"), fc.string())),
        (fields) => {
          const read = readEntry({ id: "1-1", fields });
          expect(read.ok || read.reason.length > 0).toBe(true);
        },
      ),
    );
  });

  test("that an event was written to is that event again", () => {
    const order = { user_id: "alice", status: "new", payment_status: "new" };
    for (const more of [{}, { version: 7 }, { order }, { version: 0, order, id: "mine" }]) {
      const body = { type: "order_shipped", data: { carrier: "UPS", ключ: [1, null] }, ...more };
      const checked = checkEvent(body, `order_${ORDER}`, "fallback", 1);
      if (!checked.ok) throw new Error(JSON.stringify(checked.errors));
      expect(readEntry({ id: "1-1", fields: entryFields(checked.value) }, 1)).toEqual({
        ok: true,
        event: checked.value,
      });
    }
  });
});

test("an event of the largest size that HTTP takes may wait in the stream: it is read from there", () => {
  const body = { type: "order_shipped", data: { note: "" } };
  body.data.note = "x".repeat(MAX_EVENT_BYTES - JSON.stringify(body).length);
  const checked = checkEvent(body, `order_${ORDER}`, "i".repeat(128), 1);
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors));
  expect(readEntry({ id: "1-1", fields: entryFields(checked.value) }, 1)).toEqual({ ok: true, event: checked.value });
  const larger = entryFields({ ...checked.value, data: JSON.stringify({ note: "x".repeat(2 * MAX_EVENT_BYTES) }) });
  expect(readEntry({ id: "1-1", fields: larger }).ok).toBe(false);
});

test("when an entry was added is what its id says, unless that cannot be", () => {
  const now = Date.UTC(2026, 10, 22);
  expect(timeOf(`${now - 5000}-3`, now)).toBe(now - 5000);
  for (const id of ["1-1", `${now + 60_000}-0`, "x-1"]) expect(timeOf(id, now)).toBe(now);
});

describe("a gap", () => {
  const info = (length: number, entriesAdded: number, lastId: string) => ({ length, entriesAdded, lastId });
  const read = { id: "5-0", added: 100 };

  test("is none when what was removed had been read", () => expect(findGap(read, info(10, 110, "9-0"))).toBeNull());
  test("is known by its size when unread entries were trimmed", () =>
    expect(findGap(read, info(1, 110, "9-0"))).toEqual({ kind: "trimmed", lost: 9 }));
  test("is of unknown size when the stream is another one", () => {
    expect(findGap(read, info(3, 3, "9-0"))).toEqual({ kind: "recreated" });
    expect(findGap(read, info(100, 200, "4-9"))).toEqual({ kind: "recreated" });
    expect(findGap(read, null)).toEqual({ kind: "flushed" });
  });
  test("is none before anything was read", () => expect(findGap({ id: "0-0", added: 0 }, null)).toBeNull());

  test("whatever a reader had read and whoever trimmed: lost are just the unread", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.nat(1000), (added, unread, left) => {
        const length = Math.min(left, unread);
        const gap = findGap({ id: "1-0", added }, info(length, added + unread, "2-0"));
        expect(gap).toEqual(unread > length ? { kind: "trimmed", lost: unread - length } : null);
      }),
    );
  });

  test("is of unknown size when a new stream has outgrown the old one", () =>
    expect(findGap({ id: "5-0", added: 3 }, info(10, 10, "9-0"))).toEqual({ kind: "recreated" }));

  test("ids are compared as numbers", () => {
    expect(compareIds("9-0", "10-0")).toBe(-1);
    expect(compareIds("10-2", "10-10")).toBe(-1);
    expect(compareIds("18446744073709551615-1", "18446744073709551615-1")).toBe(0);
  });

  test("what Redis says of a stream is read, whatever else it says", () => {
    const reply = [
      "length",
      3,
      "radix-tree-keys",
      1,
      "last-generated-id",
      "5-0",
      "entries-added",
      9,
      "first-entry",
      null,
    ];
    expect(parseStreamInfo(reply)).toEqual({ length: 3, entriesAdded: 9, lastId: "5-0" });
    for (const odd of [null, "OK", [], ["length", "x"]]) expect(parseStreamInfo(odd)).toBeNull();
  });
});
