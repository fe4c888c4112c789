import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changeFilter } from "../../src/channels/listeners/product-filter.ts";
import { parseClientMessage } from "../../src/protocol/client-messages.ts";
import { encodeProductFilter, parseProductFilter, parseProductList } from "../../src/protocol/product-filter.ts";
import {
  type FilterMessage,
  filterMessages,
  filterQuery,
  type ProductFilter,
  withProducts,
} from "../../src/sdk/connection/product-filter.ts";

/** The SDK's product filter reaches the service unchanged, in the URL and in messages, whatever its ids contain. */

/** Shrinking a list of 50 ids takes far longer than finding it. */
const QUICK = { endOnFailure: true };

/** Any characters, and often those that mean something in a URL or in the list. */
const id = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...'a1,%&=+#;? -/"\\é🍵'), minLength: 1, maxLength: 6 }),
);
const ids = fc.uniqueArray(id, { minLength: 1, maxLength: 50, size: "max" });

/** The filter that the service reads from the URL that a browser makes of the text. */
const readBack = (query: string) => parseProductFilter(new URL(`https://tidings.example/?${query}`).search);

/** Checks that every list of ids comes back as it was. */
function checkRoundTrip(encode: (list: string[]) => string): void {
  fc.assert(
    fc.property(ids, (list) => {
      expect(readBack(encode(list))).toEqual(list);
    }),
    QUICK,
  );
}

describe("a filter in the URL", () => {
  test("comes back as it was, whatever its ids contain", () => {
    checkRoundTrip((list) => filterQuery(withProducts(null, list)));
  });

  test("does so as a repeated parameter of a client that uses URLSearchParams", () => {
    checkRoundTrip((list) => String(new URLSearchParams(list.map((one) => ["product_id", one]))));
  });

  test.each<[bug: string, encode: (list: string[]) => string]>([
    ["ids are not encoded", (list) => `product_id=${list}`],
    ["commas are encoded like ids", (list) => `product_id=${encodeURIComponent(list.join())}`],
    ["ids are encoded as a whole URL", (list) => `product_id=${list.map(encodeURI)}`],
  ])("seeded bug: %s", (_, encode) => {
    expect(() => checkRoundTrip(encode)).toThrow();
  });
});

test("a list on the command line is percent-decoded, and a plus stays a plus", () => {
  expect(parseProductList("a+b,c%2Cd")).toEqual(["a+b", "c,d"]);
});

/** Follows a page through its filters, as a service does that starts with the URL and then takes messages. */
function checkMessages(messagesFor: (sent: ProductFilter, wanted: ProductFilter) => FilterMessage[]): void {
  const filter = fc.uniqueArray(id, { maxLength: 50, size: "max" });
  fc.assert(
    fc.property(filter, fc.array(filter, { minLength: 1, maxLength: 4 }), (first, later) => {
      let known = readBack(filterQuery(first).slice(1));
      let sent = first;
      for (const wanted of later) {
        for (const message of messagesFor(sent, wanted)) {
          const parsed = parseClientMessage(JSON.stringify(message));
          if (parsed.type !== "subscribe" && parsed.type !== "unsubscribe") throw new Error("The service closes");
          if (known === "invalid") throw new Error("The service refused the filter");
          const changed = changeFilter(known, parsed);
          if (changed === "too_large") throw new Error("The service closes");
          known = changed;
        }
        // The service has no empty filter; `-` stands for it.
        expect(new Set(known)).toEqual(new Set(wanted.length === 0 ? ["-"] : wanted));
        sent = wanted;
      }
    }),
    QUICK,
  );
}

describe("a filter that changes", () => {
  test("becomes the service's, and stays within its limits on the way", () => {
    checkMessages(filterMessages);
  });

  test.each<[bug: string, messagesFor: typeof filterMessages]>([
    ["products are added before others are removed", (sent, wanted) => filterMessages(sent, wanted).reverse()],
    ["nothing is removed", (sent, wanted) => filterMessages(sent, wanted).filter(({ type }) => type === "subscribe")],
  ])("seeded bug: %s", (_, messagesFor) => {
    expect(() => checkMessages(messagesFor)).toThrow();
  });

  test("throws when it would be beyond the service's limits, and stays as it was", () => {
    const list = Array.from({ length: 50 }, (_, i) => `p-${i}`);
    expect(withProducts(list, ["p-1"])).toEqual(list);
    expect(() => withProducts(list, ["one more"])).toThrow(RangeError);
    const emoji = Array.from({ length: 50 }, (_, i) => `${i + 10}${"🍵".repeat(64)}`);
    expect(parseProductFilter(encodeProductFilter(emoji))).toBe("invalid");
    expect(() => withProducts(null, emoji)).toThrow(RangeError);
  });
});
