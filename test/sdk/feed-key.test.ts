import { describe, expect, test } from "vitest";
import { feedKey } from "../../src/sdk/hooks/feed-kinds.ts";
import { sharedTabs } from "../../src/sdk/tabs/tabs.ts";
import { mintToken } from "../support/tokens.ts";

/** Which hooks share a connection. */

const getToken = () => "";

describe("a connection is shared", () => {
  test("by hooks with tokens of the same user", async () => {
    const [one, two] = [await mintToken({ claims: { jti: "1" } }), await mintToken({ claims: { jti: "2" } })];
    expect(feedKey("products", { token: one })).toBe(feedKey("products", { token: two }));
    expect(feedKey("products", { token: await mintToken({ subject: "bob" }) })).not.toBe(
      feedKey("products", { token: one }),
    );
  });

  test("by hooks with getToken, if they pass the same user", () => {
    expect(feedKey("products", { getToken })).toBe(feedKey("products", { getToken: () => "another function" }));
    expect(feedKey("products", { getToken, user: "alice" })).toBe(feedKey("products", { getToken, user: "alice" }));
    expect(feedKey("products", { getToken, user: "alice" })).not.toBe(feedKey("products", { getToken, user: "bob" }));
  });

  test("not by hooks of which one receives only the newest values, or shares its connection with other tabs", () => {
    const keys = [{}, { conflate: true }, { shared: sharedTabs() }].map((more) =>
      feedKey("products", { getToken, ...more }),
    );
    expect(new Set(keys).size).toBe(3);
    expect(feedKey("products", { getToken, conflate: false })).toBe(keys[0]);
  });

  test("whatever the order of the products; without a token, an id or a product there is none", () => {
    const pair = (...productIds: string[]) => feedKey("products", { getToken, productIds });
    expect(pair("a", "b")).toBe(pair("b", "a", "b"));
    for (const key of [feedKey(null, { getToken }), feedKey("x", {}), pair()]) expect(key).toBeNull();
  });
});
