import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { capturePrinted, type Printed } from "../support/leak-guard/console.ts";
import { handshakeAt } from "../support/login-service.ts";
import { registerOrder } from "../support/service.ts";
import { outcomeOf } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `ROLE_CLAIM` and `USER_ID_CLAIM`: where a token says who its bearer is, and what it cannot say. */

let printed: Printed[];
beforeEach(() => {
  printed = capturePrinted();
});
afterEach(() => void vi.restoreAllMocks());
const lines = (event: string) => printed.map(({ text }) => JSON.parse(text)).filter((line) => line.event === event);

type Settings = Record<string, string>;
/** Connects to an order as the bearer of these claims. */
async function outcome(orderId: string, claims: Record<string, unknown>, settings: Settings) {
  const token = await mintToken({ claims });
  return outcomeOf(await handshakeAt({ ...env, ...settings }, `orders/${orderId}`, token));
}
const ESTABLISHED = "connection_established";

const bobs = await registerOrder("bob");
const number42s = await registerOrder("42");

describe("ROLE_CLAIM", () => {
  const admins: [string, string, Record<string, unknown>, Settings?][] = [
    ["a text", "role", { role: "admin" }],
    ["a list", "roles", { roles: ["customer", "admin"] }],
    ["a dotted path (Keycloak)", "realm_access.roles", { realm_access: { roles: ["admin"] } }],
    ["a dotted path to a text (Supabase)", "app_metadata.role", { app_metadata: { role: "admin" } }],
    ["a name with dots (Auth0)", "https://shop.example/roles", { "https://shop.example/roles": ["admin"] }],
    ["a name with a colon (Cognito)", "cognito:groups", { "cognito:groups": ["admin"] }],
    ["scopes", "scope", { scope: "openid admin" }],
    ["scopes (Entra ID)", "scp", { scp: "orders.read admin" }],
    ["a list of scopes (Okta)", "scp", { scp: ["openid", "admin"] }],
    ["a role with a space", "role", { role: "shop admin" }, { ADMIN_ROLES: "shop admin" }],
    ["an object's own property named like an inherited one", "constructor.name", { constructor: { name: "admin" } }],
  ];
  for (const [name, ROLE_CLAIM, claims, more] of admins) {
    test(`finds ${name}: ${ROLE_CLAIM}`, async () => {
      expect(await outcome(bobs, claims, { ROLE_CLAIM, ...more })).toBe(ESTABLISHED);
      expect(lines("roles_missing")).toEqual([]);
    });
  }

  const customers: [string, string, Record<string, unknown>, Settings?][] = [
    ["a text with spaces is one role", "role", { role: "shop admin" }],
    ["a path to a text with spaces is one role", "realm.scope", { realm: { scope: "shop admin" } }],
    ["a listed scope with a space is one scope", "scope", { scope: ["openid admin"] }],
    ["a number is no role", "role", { role: 1 }, { ADMIN_ROLES: "1" }],
    ["numbers in a list are no roles", "role", { role: [1, true, null] }, { ADMIN_ROLES: "1,true,null" }],
    ["true is no role", "role", { role: true }, { ADMIN_ROLES: "true" }],
    ["an object is no role", "role", { role: { admin: true } }],
    ["a list in a list is no role", "role", { role: [["admin"]] }],
    ["the claim of that name comes before the path", "a.b", { "a.b": "customer", a: { b: "admin" } }],
    ["… even when it holds no role", "a.b", { "a.b": null, a: { b: "admin" } }],
    ["a name with dots is no part of another path", "a.b.c", { "a.b": { c: "admin" } }],
    ["a path does not end early", "a.b", { a: "admin" }],
    ["a path does not lead into a list", "roles.0", { roles: ["admin"] }],
    ["a path does not lead into a text", "role.length", { role: "admin" }, { ADMIN_ROLES: "5" }],
    ["inherited properties are no claims", "constructor.name", {}, { ADMIN_ROLES: "Object" }],
    ["… nor are they within a path", "realm.constructor.name", { realm: {} }, { ADMIN_ROLES: "Object" }],
    ["… nor is the prototype", "__proto__.role", { role: "admin" }],
  ];
  for (const [name, ROLE_CLAIM, claims, more] of customers) {
    test(`${name}: ${ROLE_CLAIM} in ${JSON.stringify(claims)}`, async () => {
      expect(await outcome(bobs, claims, { ROLE_CLAIM, ...more })).toBe(4003);
    });
  }

  test("a __proto__ in the token adds no roles to the object that it is in", async () => {
    const claims = JSON.parse('{"realm_access":{"__proto__":{"roles":["admin"]}}}');
    expect(await outcome(bobs, claims, { ROLE_CLAIM: "realm_access.roles" })).toBe(4003);
  });

  test("that finds nothing means a customer, and one line names the path", async () => {
    const settings = { ...env, ROLE_CLAIM: "realm_acess.roles" };
    for (const sub of ["bob", "alice", "bob"]) {
      const token = await mintToken({ claims: { sub, realm_access: { roles: ["admin"] } } });
      expect(await outcomeOf(await handshakeAt(settings, `orders/${bobs}`, token))).toBe(
        sub === "bob" ? ESTABLISHED : 4003,
      );
    }
    expect(lines("roles_missing")).toEqual([{ level: "info", event: "roles_missing", claim: "realm_acess.roles" }]);
  });

  test("that a first token has is not reported when another token lacks it", async () => {
    const settings = { ...env, ROLE_CLAIM: "groups" };
    for (const groups of [[], undefined]) {
      const token = await mintToken({ claims: { groups } });
      expect(await outcomeOf(await handshakeAt(settings, "products", token))).toBe(ESTABLISHED);
    }
    expect(lines("roles_missing")).toEqual([]);
  });
});

describe("USER_ID_CLAIM", () => {
  const owners: [string, string, Record<string, unknown>][] = [
    ["a name", "uid", { sub: undefined, uid: "bob" }],
    ["a dotted path", "app_metadata.customer.id", { app_metadata: { customer: { id: "bob" } } }],
    ["a verified email", "email", { email: "bob", email_verified: true }],
    ["a verified email (Apple)", "email", { email: "bob", email_verified: "true" }],
    ["an email that the login service says nothing about", "email", { email: "bob" }],
    ["a name with dots", "https://shop.example/id", { sub: "x", "https://shop.example/id": "bob" }],
  ];
  for (const [name, USER_ID_CLAIM, claims] of owners) {
    test(`finds ${name}: ${USER_ID_CLAIM}`, async () => {
      expect(await outcome(bobs, claims, { USER_ID_CLAIM })).toBe(ESTABLISHED);
    });
  }

  test("an integer is the user of that number in decimal", async () => {
    expect(await outcome(number42s, { sub: 42 }, {})).toBe(ESTABLISHED);
    expect(await outcome(number42s, { sub: "42" }, {})).toBe(ESTABLISHED);
    expect(await outcome(number42s, { sub: "042" }, {})).toBe(4003);
    expect(await outcome(number42s, { sub: -42 }, {})).toBe(4003);
  });

  const bad: [string, Record<string, unknown> | string][] = [
    ["is missing", {}],
    ["is empty", { uid: "" }],
    ["is null", { uid: null }],
    ["is not verified", { uid: "bob", uid_verified: false }],
    ["is not verified (Apple)", { uid: "bob", uid_verified: "false" }],
    ["is a fraction", { uid: 42.5 }],
    ["is an integer that JSON cannot carry exactly", { uid: 2 ** 53 }],
    ["is true", { uid: true }],
    ["is a list", { uid: ["bob"] }],
    ["is an object", { uid: { id: "bob" } }],
    ["is longer than an id may be", { uid: "b".repeat(257) }],
  ];
  for (const [name, claims] of bad) {
    test(`that ${name} is refused with 4001, and the log names the claim`, async () => {
      expect(await outcome(bobs, { sub: "bob", ...Object(claims) }, { USER_ID_CLAIM: "uid" })).toBe(4001);
      expect(lines("refusal")).toMatchObject([{ reason: "token_invalid", reason_detail: "claim", claim: "uid" }]);
    });
  }

  test("that is nested and not verified is refused with 4001", async () => {
    const claims = { user: { email: "bob", email_verified: false } };
    expect(await outcome(bobs, claims, { USER_ID_CLAIM: "user.email" })).toBe(4001);
  });

  for (const path of ["constructor.name", "__proto__.uid", "toString"]) {
    test(`finds no inherited property: ${path}`, async () => {
      expect(await outcome(bobs, {}, { USER_ID_CLAIM: path })).toBe(4001);
      expect(lines("refusal")).toMatchObject([{ reason_detail: "claim", claim: path }]);
    });
  }
});

describe("the log names the claim that failed:", () => {
  const strict = { JWT_ISSUER: "https://login.shop.example", JWT_AUDIENCE: "tidings" };
  const good = { iss: strict.JWT_ISSUER, aud: strict.JWT_AUDIENCE };
  const cases: [string, Record<string, unknown>][] = [
    ["iss", { ...good, iss: "https://evil.example" }],
    ["iss", { aud: good.aud }],
    ["aud", { ...good, aud: "another" }],
    ["aud", { iss: good.iss }],
    ["exp", { ...good, exp: "tomorrow" }],
    ["nbf", { ...good, nbf: "today" }],
    ["sub", { ...good, sub: "" }],
  ];
  for (const [claim, claims] of cases) {
    test(`${claim} in ${JSON.stringify(claims)}`, async () => {
      expect(await outcome(bobs, claims, strict)).toBe(4001);
      expect(lines("refusal")).toMatchObject([{ reason: "token_invalid", reason_detail: "claim", claim }]);
    });
  }
});
