import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { catalogueWith, faultOfExtraType, typesOf } from "../../../src/protocol/catalogue.ts";
import { parseClientMessage } from "../../../src/protocol/client-messages.ts";
import { encodeEventFrame } from "../../../src/protocol/frames.ts";
import { type ChannelName, orderChannelName, parseChannelName, parseOrderId } from "../../../src/protocol/names.ts";
import { checkEvent } from "../../../src/protocol/publish.ts";

const catalogue = catalogueWith([]);
const ORDER = "123e4567-e89b-12d3-a456-426614174000";

/** JSON that validation accepts: without numbers that JavaScript would change and without prototype keys. */
const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value), harmless) as unknown);

function harmless(key: string, value: unknown): unknown {
  if (/^(__proto__|constructor|prototype)$/.test(key)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? 0 : value;
}

const NOW = Date.UTC(2026, 10, 22);

describe("the catalogue", () => {
  test("has the original service's eleven events and order_created", () => {
    const orders = ["order_status_changed", "payment_status_changed", "order_shipped", "order_delivered"];
    const products = ["product_created", "product_updated", "product_deleted", "inventory_updated", "price_updated"];
    expect(typesOf(catalogue, "order")).toEqual(
      expect.arrayContaining(["order_created", ...orders, "order_cancelled"]),
    );
    expect(typesOf(catalogue, "products")).toEqual(expect.arrayContaining([...products, "product_status_changed"]));
  });

  for (const [type, { channel: kind, example }] of catalogue) {
    const channel: ChannelName = kind === "order" ? orderChannelName(ORDER) : "products";

    test(`${type}: its example is accepted and delivered unchanged`, () => {
      const checked = checkEvent(catalogue, { type, data: example }, channel, "id", NOW);
      expect(checked).toMatchObject({ ok: true, value: { type, channel, id: "id" } });
      if (checked.ok) expect(JSON.parse(checked.value.data)).toEqual(example);
    });

    test(`${type}: unknown fields pass through unchanged`, () => {
      fc.assert(
        fc.property(
          fc.dictionary(
            fc.string().map((key) => `x_${key}`),
            json,
          ),
          (extra) => {
            const data = { ...example, ...extra };
            const checked = checkEvent(catalogue, JSON.parse(JSON.stringify({ type, data })), channel, "id", NOW);
            expect(checked.ok && JSON.parse(checked.value.data)).toEqual(data);
          },
        ),
      );
    });

    test(`${type}: any value in a known field yields an event or an error for that field`, () => {
      const keys = Object.keys(example);
      fc.assert(
        fc.property(fc.constantFrom(...keys), json, (key, value) => {
          const checked = checkEvent(catalogue, { type, data: { ...example, [key]: value } }, channel, "id", NOW);
          if (!checked.ok) expect(checked.errors.every(({ field }) => field.startsWith(`data.${key}`))).toBe(true);
        }),
      );
    });
  }

  test("validation never throws, whatever the body", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: false }), (body) => {
        const checked = checkEvent(catalogue, body, "products", "id", NOW);
        expect(checked.ok || checked.errors.length > 0).toBe(true);
      }),
    );
  });
});

describe("a type of the shop's own", () => {
  test("has a name that needs no escapes in a frame, and is no frame, message or event already", () => {
    for (const type of ["order_refunded", "a", `a${"_".repeat(63)}`]) expect(faultOfExtraType(type), type).toBeNull();
    const unfit = ["", "A", "Refund", "1st", "_a", "a-b", "a.b", "a b", "ä", 'a"', "a\n", `a${"_".repeat(64)}`];
    const taken = [
      "connection_established",
      "closing",
      "subscribed",
      "authenticate",
      "ack",
      "ping",
      "pong",
      "order_shipped",
    ];
    for (const type of [...unfit, ...taken]) expect(faultOfExtraType(type), type).toEqual(expect.any(String));
  });
});

describe("names", () => {
  test("an order id is a UUID in any case, and is normalised to lower case", () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(parseOrderId(id.toUpperCase())).toBe(id);
        expect(parseChannelName(`order_${id.toUpperCase()}`)).toEqual({ name: `order_${id}`, orderId: id });
      }),
    );
  });

  test("anything else is not a channel name", () => {
    for (const name of [
      "",
      "orders",
      "Products",
      "order_",
      "order_1",
      ` order_${ORDER}`,
      `order_${ORDER}\n`,
      `order-${ORDER}`,
    ]) {
      expect(parseChannelName(name)).toBeNull();
    }
  });
});

describe("frames", () => {
  test("a frame is one JSON object with its five fields, whatever the data and the id", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), fc.string(), fc.nat(), (data, id, seq) => {
        const frame = encodeEventFrame({ type: "order_shipped", data: JSON.stringify(data), id, seq, ts: 0 });
        expect(JSON.parse(frame)).toEqual({ type: "order_shipped", data, id, seq, ts: "1970-01-01T00:00:00.000Z" });
      }),
    );
  });

  test("a frame is JSON for every type that a shop may declare, and whatever status its event sets", () => {
    const type = fc.stringMatching(/^[a-z][a-z0-9_]{0,63}$/).filter((name) => faultOfExtraType(name) === null);
    fc.assert(
      fc.property(type, fc.string({ unit: "binary", minLength: 1 }), (type, status) => {
        const frame = encodeEventFrame({ type, data: "{}", id: "e", seq: 1, ts: 0, status });
        expect(JSON.parse(frame)).toMatchObject({ type, status });
      }),
    );
    // The types are not escaped, so a service that checked no names would send this.
    expect(() => JSON.parse(encodeEventFrame({ type: 'a"b', data: "{}", id: "e", seq: 1, ts: 0 }))).toThrow();
  });

  test("any text from a client parses to a message, or is malformed or unknown", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 5000 }), fc.json()), (text) => {
        expect(parseClientMessage(text).type).toBeOneOf(["unknown", "malformed", "subscribe", "unsubscribe"]);
      }),
    );
  });
});
