import { env } from "cloudflare:workers";
import type { JWTPayload } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { logLines } from "../support/leak-guard/console.ts";
import { answerFetches, handshakeAt } from "../support/login-service.ts";
import { ORIGIN } from "../support/service.ts";
import { makeKey, type SigningKey, signWith } from "../support/signing-keys.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { outcomeOf, TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `JWT_ISSUER` and `JWT_AUDIENCE`: whose tokens are accepted, and for whom they must be meant. */

const ESTABLISHED = "connection_established";
const [SHOP, STAFF, API] = ["https://login.shop.example", "https://staff.shop.example/", "shop-api"];
const [shopKey, staffKey] = [await makeKey("RS256", "key-1"), await makeKey("RS256", "key-1")];
const keySets: Record<string, SigningKey> = {
  "https://login.shop.example/jwks.json": shopKey,
  "https://keys.example/staff": staffKey,
};

let warnings: ReturnType<typeof logLines>;
beforeEach(() => {
  warnings = logLines("warn");
  answerFetches(({ url }) => Response.json({ keys: [keySets[url]?.publicJwk] }));
});
afterEach(() => void vi.restoreAllMocks());

const several = {
  ...env,
  JWT_ISSUER: `${SHOP},${STAFF},${API}`,
  JWKS_URL: Object.keys(keySets).join(","),
  JWT_ALGORITHMS: "RS256,HS256",
};
type Settings = typeof env;

const outcome = async (token: string, settings: Settings = several) =>
  outcomeOf(await handshakeAt(settings, "products", token));
const fault = () => warnings().at(-1);

describe("with several issuers", () => {
  test("each issuer's tokens are verified with its own keys", async () => {
    expect(await outcome(await signWith(shopKey, { iss: SHOP }))).toBe(ESTABLISHED);
    expect(await outcome(await signWith(staffKey, { iss: STAFF }))).toBe(ESTABLISHED);
    expect(await outcome(await mintToken({ claims: { iss: API } }))).toBe(ESTABLISHED);
  });

  const attacks: [string, Promise<string>, Record<string, unknown>][] = [
    ["another issuer's key, under the same kid", signWith(staffKey, { iss: SHOP }), { reason_detail: "signature" }],
    ["… the other way round", signWith(shopKey, { iss: STAFF }), { reason_detail: "signature" }],
    [
      "JWT_SECRET, for an issuer with a key set",
      mintToken({ claims: { iss: SHOP } }),
      { reason_detail: "unknown_key" },
    ],
    ["a key set, for the issuer with JWT_SECRET", signWith(shopKey, { iss: API }), { reason_detail: "unknown_key" }],
    ["an issuer that is not listed", signWith(shopKey, { iss: "https://evil.example" }), { claim: "iss" }],
    ["an issuer without its slash", signWith(staffKey, { iss: STAFF.slice(0, -1) }), { claim: "iss" }],
    ["an issuer in other case", signWith(shopKey, { iss: SHOP.toUpperCase() }), { claim: "iss" }],
    ["the whole list as issuer", signWith(shopKey, { iss: several.JWT_ISSUER }), { claim: "iss" }],
    ["a list of issuers", signWith(shopKey, { iss: [SHOP] as unknown as string }), { claim: "iss" }],
    ["no issuer", signWith(shopKey), { claim: "iss" }],
  ];
  for (const [name, token, reason] of attacks) {
    test(`a token is refused for ${name}, and the log says so`, async () => {
      expect(await outcome(await token)).toBe(4001);
      expect(fault()).toMatchObject({ event: "refusal", reason: "token_invalid", ...reason });
    });
  }

  test("the same id of two issuers is two users: PUT and disconnect name them by issuer#id", async () => {
    const id = crypto.randomUUID();
    const call = (method: string, path: string, body: object) =>
      app.fetch(
        new Request(`${ORIGIN}/api/v1/${path}`, {
          method,
          headers: { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" },
          body: JSON.stringify(body),
        }),
        several,
      );
    const order = { user_id: `${SHOP}#alice`, status: "pending", payment_status: "pending" };
    expect((await call("PUT", `orders/${id}`, order)).status).toBe(201);
    const owner = new TestSocket(await handshakeAt(several, `orders/${id}`, await signWith(shopKey, { iss: SHOP })));
    expect((await owner.frame()).type).toBe(ESTABLISHED);

    const others: [SigningKey, JWTPayload][] = [
      [staffKey, { iss: STAFF }],
      [staffKey, { iss: STAFF, sub: `${SHOP}#alice` }],
      [shopKey, { iss: SHOP, sub: `${SHOP}#alice` }],
    ];
    for (const [key, claims] of others) {
      expect(await outcomeOf(await handshakeAt(several, `orders/${id}`, await signWith(key, claims)))).toBe(4003);
    }

    const channel = `order_${id}`;
    expect(await (await call("POST", "disconnect", { channel, user_id: "alice" })).json()).toEqual({ closed: 0 });
    expect(await (await call("POST", "disconnect", { channel, user_id: order.user_id })).json()).toEqual({ closed: 1 });
    expect((await owner.closed()).code).toBe(4001);
  });

  test("an id is limited together with its issuer", async () => {
    const room = 256 - `${SHOP}#`.length;
    expect(await outcome(await signWith(shopKey, { iss: SHOP, sub: "a".repeat(room) }))).toBe(ESTABLISHED);
    expect(await outcome(await signWith(shopKey, { iss: SHOP, sub: "a".repeat(room + 1) }))).toBe(4001);
    expect(fault()).toMatchObject({ claim: "sub" });
  });
});

test("a single issuer does not change its users' ids", async () => {
  const settings = { ...env, JWT_ISSUER: SHOP };
  expect(await outcome(await mintToken({ claims: { iss: SHOP } }), settings)).toBe(ESTABLISHED);
  expect(await outcome(await mintToken(), settings)).toBe(4001);
});

describe("JWT_AUDIENCE=shop,admin-app", () => {
  const settings = { ...env, JWT_AUDIENCE: "shop,admin-app" };
  const accepted: [string, Record<string, unknown>][] = [
    ["the first", { aud: "shop" }],
    ["the second", { aud: "admin-app" }],
    ["one in a list", { aud: ["account", "admin-app"] }],
    ["azp without aud (Clerk)", { azp: "shop" }],
    ["client_id without aud (Cognito)", { client_id: "shop" }],
  ];
  for (const [name, claims] of accepted) {
    test(`accepts ${name}`, async () => expect(await outcome(await mintToken({ claims }), settings)).toBe(ESTABLISHED));
  }

  const refused: [string, Record<string, unknown>][] = [
    ["both as one text", { aud: "shop,admin-app" }],
    ["another", { aud: "account" }],
    ["a prefix", { aud: "shop-admin" }],
    ["none", {}],
    ["another azp without aud", { azp: "evil" }],
    ["a list as azp", { azp: ["shop"] }],
    ["azp beside another aud (Keycloak)", { aud: "account", azp: "shop" }],
    ["client_id beside another aud", { aud: ["account"], client_id: "shop" }],
    ["azp beside an empty aud", { aud: "", azp: "shop" }],
    ["azp beside an empty list", { aud: [], azp: "shop" }],
    ["azp beside aud: null", { aud: null, azp: "shop" }],
    ["a list in a list", { aud: [["shop"]] }],
    ["an object", { aud: { shop: true } }],
  ];
  for (const [name, claims] of refused) {
    test(`refuses ${name}, and the log names aud`, async () => {
      expect(await outcome(await mintToken({ claims }), settings)).toBe(4001);
      expect(fault()).toMatchObject({ reason_detail: "claim", claim: "aud" });
    });
  }
});
