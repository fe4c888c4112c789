import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { entryTime, readEntry } from "../../../src/ingress/redis/entry.ts";
import { compareIds, findGap } from "../../../src/ingress/redis/gaps.ts";
import { parseEntries, parseStreamDescription, type StreamInfo } from "../../../src/ingress/redis/replies.ts";
import { catalogueWith } from "../../../src/protocol/catalogue.ts";
import { encodeEventFrame } from "../../../src/protocol/frames.ts";
import { checkEvent, MAX_EVENT_BYTES } from "../../../src/protocol/publish.ts";
import { entryFields } from "../../../src/protocol/stream.ts";

const catalogue = catalogueWith([]);
const ORDER = "123e4567-e89b-12d3-a456-426614174000";

describe("an entry", () => {
  test("with any content is an event, or is rejected with a reason", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("channel", "type", "data", "id", "version", "order", "x"), fc.string())),
        (fields) => {
          const read = readEntry(catalogue, { id: "1-1", fields });
          expect(read.ok || read.reason.length > 0).toBe(true);
        },
      ),
    );
  });

  test("written from an event is read as the same event", () => {
    const order = { user_id: "alice", status: "new", payment_status: "new" };
    for (const more of [{}, { version: 7 }, { order }, { version: 0, order, id: "mine" }]) {
      const body = { type: "order_shipped", data: { carrier: "UPS", ключ: [1, null] }, ...more };
      const checked = checkEvent(catalogue, body, `order_${ORDER}`, "fallback", 1);
      if (!checked.ok) throw new Error(JSON.stringify(checked.errors));
      expect(readEntry(catalogue, { id: "1-1", fields: entryFields(checked.value) }, 1)).toEqual({
        ok: true,
        event: checked.value,
      });
    }
  });
});

test("an event of the largest size that HTTP accepts can be read from the stream", () => {
  const id = "i".repeat(128);
  const data = { note: "", order_id: ORDER };
  const empty = encodeEventFrame({ type: "order_shipped", data: JSON.stringify(data), id, seq: 2 ** 53 - 1, ts: 1 });
  data.note = "x".repeat(MAX_EVENT_BYTES - empty.length);
  const checked = checkEvent(catalogue, { type: "order_shipped", data }, `order_${ORDER}`, id, 1);
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors));
  expect(readEntry(catalogue, { id: "1-1", fields: entryFields(checked.value) }, 1)).toEqual({
    ok: true,
    event: checked.value,
  });
  const larger = entryFields({ ...checked.value, data: JSON.stringify({ note: "x".repeat(2 * MAX_EVENT_BYTES) }) });
  expect(readEntry(catalogue, { id: "1-1", fields: larger }).ok).toBe(false);
});

test("an entry's id says when it was added, unless that time is implausible", () => {
  const now = Date.UTC(2026, 10, 22);
  expect(entryTime(`${now - 5000}-3`, now)).toBe(now - 5000);
  for (const id of ["1-1", `${now + 60_000}-0`, "x-1"]) expect(entryTime(id, now)).toBe(now);
});

describe("a gap", () => {
  /** A stream in which nothing that was read is left. */
  const info = (length: number, entriesAdded: number, lastId: string, more: Partial<StreamInfo> = {}): StreamInfo => ({
    length,
    entriesAdded,
    lastId,
    firstId: length > 0 ? lastId : null,
    maxDeletedId: "0-0",
    ...more,
  });
  const read = { cursor: "5-0", entriesAdded: 100 };

  test("is not found when only read entries were removed", () =>
    expect(findGap(read, info(10, 110, "9-0"))).toBeNull());
  test("has a known size when unread entries were trimmed", () =>
    expect(findGap(read, info(1, 110, "9-0"))).toEqual({ kind: "trimmed", lost: 9 }));
  test("has an unknown size when the stream is another one", () => {
    expect(findGap(read, info(3, 3, "9-0"))).toEqual({ kind: "recreated" });
    expect(findGap(read, info(100, 200, "4-9"))).toEqual({ kind: "recreated" });
  });
  test("is not found when the last entry read was deleted by id, whatever is left before it", () => {
    expect(findGap(read, info(10, 109, "9-0", { firstId: "1-0", maxDeletedId: "5-0" }))).toBeNull();
    expect(findGap(read, info(9, 109, "9-0", { firstId: "6-0", maxDeletedId: "5-0" }))).toBeNull();
    expect(findGap(read, info(0, 100, "5-0", { maxDeletedId: "5-0" }))).toBeNull();
  });
  test("has an unknown size when unread entries were deleted by id, and the last one read", () =>
    expect(findGap(read, info(10, 110, "9-0", { firstId: "1-0", maxDeletedId: "7-0" }))).toEqual({ kind: "deleted" }));
  test("is found when the stream was set back and grew beyond the cursor again", () =>
    expect(findGap(read, info(50, 101, "9-0", { firstId: "1-0", maxDeletedId: "2-0" }))).toEqual({
      kind: "recreated",
    }));
  test("at the start of a stream is what it lost since it was found", () => {
    expect(findGap({ cursor: "0-0", entriesAdded: 2 }, info(3, 5, "9-0"))).toBeNull();
    expect(findGap({ cursor: "0-0", entriesAdded: 2 }, info(1, 5, "9-0"))).toEqual({ kind: "trimmed", lost: 2 });
  });

  test("counts exactly the unread entries that were trimmed", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.nat(1000), (added, unread, left) => {
        const length = Math.min(left, unread);
        const gap = findGap({ cursor: "1-0", entriesAdded: added }, info(length, added + unread, "2-0"));
        expect(gap).toEqual(unread > length ? { kind: "trimmed", lost: unread - length } : null);
      }),
    );
  });

  test("has an unknown size when a new stream is longer than the old one was", () =>
    expect(findGap({ cursor: "5-0", entriesAdded: 3 }, info(10, 10, "9-0"))).toEqual({ kind: "recreated" }));

  test("is found by ids compared as numbers", () => {
    expect(compareIds("9-0", "10-0")).toBe(-1);
    expect(compareIds("10-2", "10-10")).toBe(-1);
    expect(compareIds("18446744073709551615-1", "18446744073709551615-1")).toBe(0);
  });
});

describe("Redis replies", () => {
  test("that describe a stream are read; one of another shape is unknown", () => {
    const info = { length: 3, entriesAdded: 9, lastId: "5-0", firstId: null, maxDeletedId: "0-0" };
    expect(parseStreamDescription([3, 9, "5-0", null, null])).toEqual(info);
    const described = { ...info, maxDeletedId: "4-0", firstId: "3-0" };
    expect(parseStreamDescription([3, "9", "5-0", "4-0", "3-0"])).toEqual(described);
    expect(parseStreamDescription(null)).toBeNull();
    // Redis 6 does not count the entries added.
    for (const odd of ["OK", [], [3, null, "5-0", null, "3-0"]]) expect(parseStreamDescription(odd)).toBe("unknown");
  });

  test("to XRANGE become entries with pairs of names and values", () => {
    expect(parseEntries([["1-0", ["a", "1", "b"]]])).toEqual([
      {
        id: "1-0",
        fields: [
          ["a", "1"],
          ["b", ""],
        ],
      },
    ]);
    for (const odd of [null, "OK", [["1-0"]], [["1-0", [1]]]]) expect(parseEntries(odd)).toBeNull();
  });
});
