import { describe, expect, test } from "vitest";
import { type BatchEvent, createPublisher, createStreamPublisher } from "../../../src/sdk/publisher/publisher.ts";
import { failureOf } from "../../support/faulty-service.ts";

/** What JSON cannot carry without change is refused before anything is sent, over HTTP and through Redis. */

let sent: string[] = [];
/** Accepts everything, and keeps what it was sent. */
const publishers = {
  http: createPublisher({
    url: "https://tidings.example",
    key: "key",
    fetch: async (_, { body }) => {
      sent.push(String(body));
      const { events } = JSON.parse(String(body));
      const result = { id: "a", channel: "products", seq: 1, status: "applied", receivers: 0 };
      return Response.json(events ? { results: events.map(() => result) } : result);
    },
  }),
  redis: createStreamPublisher({
    redis: {
      command: async (...words) => {
        if (words[0] === "XADD") sent.push(words.join(" "));
      },
    },
  }),
};
const ways = Object.keys(publishers) as (keyof typeof publishers)[];

const product = (more: Record<string, unknown>) => ({ product_id: "p", ...more });
const circular: Record<string, unknown> = {};
circular.parent = { children: [circular] };
let deep: unknown[] = [];
for (let i = 0; i < 100_000; i++) deep = [deep];
const half = "\ud83d";

describe.each(ways)("through %s", (way) => {
  const publisher = publishers[way];

  test.each<[string, unknown, string]>([
    ["NaN", Number.NaN, "data.x: is not JSON (NaN)"],
    ["Infinity", { y: [1, -Infinity] }, "data.x.y[1]: is not JSON (-Infinity)"],
    ["an integer beyond 2^53", 2 ** 53, "data.x: is an integer beyond 2^53"],
    ["a BigInt", { y: 1n }, "data.x.y: is not JSON (bigint)"],
    ["undefined in an array", ["a", undefined], "data.x[1]: is not JSON (undefined)"],
    ["a hole in an array", new Array(2), "data.x[0]: is not JSON (undefined)"],
    ["a function", () => {}, "data.x: is not JSON (function)"],
    ["a symbol", Symbol("s"), "data.x: is not JSON (symbol)"],
    ["an invalid date", new Date(Number.NaN), "data.x: is not JSON (an invalid date)"],
    ["an object whose toJSON has no result", { toJSON: () => undefined }, "data.x: is not JSON (undefined)"],
    ["a Map", new Map([["a", 1]]), "data.x: is not JSON (Map)"],
    ["a Set", new Set([1]), "data.x: is not JSON (Set)"],
    ["a promise that was not awaited", Promise.resolve(1), "data.x: is not JSON (Promise)"],
    ["an error", new Error("e"), "data.x: is not JSON (Error)"],
    ["bytes", new Uint8Array(2), "data.x: is not JSON (Uint8Array)"],
    ["half of a surrogate pair", `a${half}`, "data.x: is not JSON (half of a surrogate pair)"],
    ["half of a surrogate pair in a name", { [half]: 1 }, `data.x.${half}: is not JSON (half of a surrogate pair)`],
    ["an object that contains itself", circular, "data.x.parent.children[0]: is not JSON (contains itself)"],
    ["endless nesting", deep, "data: is not JSON (its conversion fails)"],
  ])("%s is refused by its path", async (_, x, message) => {
    sent = [];
    const publishing = publisher.publishProductUpdate("product_updated", product({ x }), { id: "mine" });
    const error = await failureOf(publishing);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({
      type: "urn:tidings:problem:validation_failed",
      status: null,
      isRetryable: false,
      ids: ["mine"],
      errors: [{ field: message.split(": ")[0] }],
    });
    expect(sent).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["version", { version: Number.NaN }],
    ["version", { version: 1n }],
    ["id", { id: `a${half}` }],
    ["order.user_id", { order: { user_id: half, status: "paid", payment_status: "paid" } }],
  ])("a bad %s is refused as well", async (field, options) => {
    sent = [];
    const error = await failureOf(
      publisher.publishOrderUpdate(crypto.randomUUID(), "order_delivered", {}, options as { id?: string }),
    );
    expect(error.errors.map((bad) => bad.field)).toEqual([field]);
    expect(error.ids).toHaveLength(1);
    expect(sent).toEqual([]);
  });

  test("what JSON carries is sent as JSON.stringify writes it", async () => {
    sent = [];
    const shared = { a: 1 };
    class Price {
      amount = 9.99;
    }
    const data = product({
      ...{ date: new Date(0), left: undefined, nothing: null, numbers: [0.1, 2 ** 53 - 1, -1e-7, 1.5e300 / 1e300] },
      ...{ twice: [shared, shared], price: new Price(), emoji: "👍", toJSON: undefined },
      ...{ money: { toJSON: () => "12.50" }, bare: Object.assign(Object.create(null), { x: 1 }) },
    });
    await publisher.publishProductUpdate("product_updated", data);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toContain(JSON.stringify(data));
  });

  test("a batch with one bad event sends nothing, names it, and carries every id", async () => {
    sent = [];
    const events = Array.from({ length: 2500 }, (_, i): BatchEvent => {
      return { channel: "products", type: "product_deleted", data: product({ i }), id: `event-${i}` };
    });
    const bad = (i: number, more: object) => Object.assign(events[i] ?? {}, more);
    bad(1800, { data: product({ old_price: Number.NaN }) });
    bad(2400, { version: 1n });
    bad(2499, { data: null });
    const error = await failureOf(publisher.publishBatch(events));
    expect(error.errors.map(({ field }) => field)).toEqual([
      "events[1800].data.old_price",
      "events[2400].version",
      "events[2499].data",
    ]);
    expect(error.ids).toEqual(events.map(({ id }) => id));
    expect(error.isRetryable).toBe(false);
    expect(sent).toEqual([]);
  });

  test("an event is published as it was at the call, whatever happens to its parts afterwards", async () => {
    sent = [];
    const order = { user_id: "before", status: "paid", payment_status: "paid" };
    const data = { note: "before" };
    const event: BatchEvent = { channel: `order_${crypto.randomUUID()}`, type: "order_delivered", data, order };
    const publishing = publisher.publishBatch([event, event]);
    data.note = order.user_id = "after";
    await publishing;
    expect(sent.join()).not.toContain("after");
  });
});

test("every refusal carries an id with which the event can be published again", async () => {
  const refused = await failureOf(publishers.http.publishOrderUpdate("17", "order_delivered", {}));
  expect(refused.ids).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  const closed = createPublisher({ url: "https://tidings.example", key: "key" });
  await closed.close();
  const late = await failureOf(closed.publishProductUpdate("product_deleted", { product_id: "a" }, { id: "mine" }));
  expect(late.ids).toEqual(["mine"]);
  const batch = [{ channel: "products", type: "product_deleted", data: { product_id: "a" }, id: "one" }] as const;
  expect((await failureOf(closed.publishBatch(batch))).ids).toEqual(["one"]);
});

test("a limit that is not a number is refused when the publisher is created, because its timers would fire at once", () => {
  const bad = [Number.NaN, -1, "5000"] as number[];
  for (const value of bad) {
    const at = { url: "https://tidings.example", key: "key" };
    for (const name of ["maxTries", "deadlineMs", "timeoutMs"]) {
      expect(() => createPublisher({ ...at, [name]: value })).toThrow(`${name} must be a number`);
    }
    for (const name of ["maxEvents", "maxDelayMs"]) {
      expect(() => createPublisher({ ...at, batch: { [name]: value } })).toThrow(`${name} must be a number`);
    }
    const redis = { command: async () => null };
    expect(() => createStreamPublisher({ redis, deadlineMs: value })).toThrow("deadlineMs must be a number");
  }
});
