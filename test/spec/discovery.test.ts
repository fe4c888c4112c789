import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FRESH_MS, MIN_BACKOFF_MS } from "../../src/edge/auth/jwks.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { silence } from "../support/leak-guard/console.ts";
import { answerFetches, handshakeAt } from "../support/login-service.ts";
import { makeKey, signWith } from "../support/signing-keys.ts";
import { outcomeOf } from "../support/test-socket.ts";

/** OpenID Connect Discovery: an https `JWT_ISSUER` without `JWKS_URL`. */

const ESTABLISHED = "connection_established";
const key = await makeKey();
const keySet = () => Response.json({ keys: [key.publicJwk] });

let issuer: string;
let answers: Record<string, () => Response>;
let fetched: Request[];
const documentUrl = () => `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
const document = (more: object = {}) =>
  Response.json({ issuer, jwks_uri: "https://keys.example/jwks", token_endpoint: "https://a.example", ...more });

beforeEach(() => {
  // Keys are cached for the whole isolate.
  issuer = `https://login.example/${crypto.randomUUID()}`;
  answers = { [documentUrl()]: document, "https://keys.example/jwks": keySet };
  fetched = answerFetches(({ url }) => answers[url]?.() ?? new Response("not found", { status: 404 }));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const answerTo = async (claims: object = {}, settings: object = {}) =>
  handshakeAt(
    { ...env, JWT_ISSUER: issuer, JWT_ALGORITHMS: "RS256", JWT_SECRET: "", ...settings },
    "products",
    await signWith(key, { iss: issuer, ...claims }),
  );
const outcome = async (claims: object = {}, settings: object = {}) => outcomeOf(await answerTo(claims, settings));
const urls = () => fetched.map(({ url }) => url);

test("finds the key set, and caches it", async () => {
  for (let i = 0; i < 3; i++) expect(await outcome()).toBe(ESTABLISHED);
  expect(urls()).toEqual([documentUrl(), "https://keys.example/jwks"]);
  expect(new Set(fetched.map(({ redirect }) => redirect))).toEqual(new Set(["manual"]));
});

test("an issuer that ends with a slash has its document below that slash", async () => {
  issuer = `https://login.example/${crypto.randomUUID()}/`;
  answers[documentUrl()] = document;
  expect(await outcome()).toBe(ESTABLISHED);
  expect(urls()[0]).toBe(`${issuer}.well-known/openid-configuration`);
});

test("follows a key set that moves, at the next refresh", async () => {
  stopClock();
  expect(await outcome()).toBe(ESTABLISHED);
  answers = {
    [documentUrl()]: () => document({ jwks_uri: "https://keys.example/moved" }),
    "https://keys.example/moved": keySet,
  };
  advanceClock(FRESH_MS);
  expect(await outcome()).toBe(ESTABLISHED);
  expect(urls().at(-1)).toBe("https://keys.example/moved");
});

test("finds each issuer's own key set", async () => {
  const other = `${issuer}/staff`;
  const otherKey = await makeKey("RS256", key.kid);
  answers[`${other}/.well-known/openid-configuration`] = () =>
    Response.json({ issuer: other, jwks_uri: "https://keys.example/staff" });
  answers["https://keys.example/staff"] = () => Response.json({ keys: [otherKey.publicJwk] });
  const settings = { JWT_ISSUER: `${issuer},${other}` };
  expect(await outcome({}, settings)).toBe(ESTABLISHED);
  expect(await outcome({ iss: other }, settings)).toBe(4001);
  expect(urls()).toHaveLength(4);
});

test("[promise 5] an issuer whose document fails stops no other issuer's users", async () => {
  silence();
  const other = `${issuer}/staff`;
  answers[`${other}/.well-known/openid-configuration`] = () => new Response(null, { status: 500 });
  const settings = { JWT_ISSUER: `${other},${issuer}` };
  expect(await outcome({ iss: other }, settings)).toBe(503);
  expect(await outcome({}, settings)).toBe(ESTABLISHED);
});

test("is not used when JWKS_URL is set, nor for HS256", async () => {
  expect(await outcome({}, { JWKS_URL: "https://keys.example/jwks" })).toBe(ESTABLISHED);
  expect(urls()).toEqual(["https://keys.example/jwks"]);
  expect(await outcome({}, { JWT_ALGORITHMS: "HS256", JWT_SECRET: env.JWT_SECRET })).toBe(4001);
  expect(urls()).toHaveLength(1);
});

test("takes nothing from a token: its issuer, jku and x5u are never fetched", async () => {
  expect(await outcome({ iss: "https://evil.example" })).toBe(4001);
  expect(fetched).toEqual([]);
});

describe("a document that is wrong causes 503 with Retry-After, never a final refusal:", () => {
  const notMetadata = "is not JSON with an issuer and a jwks_uri";
  const slash = "issuer ends with a slash, unlike the one in JWT_ISSUER";
  const wrong: [string, () => Response, string][] = [
    ["another issuer", () => document({ issuer: "https://evil.example" }), "issuer is not the one in JWT_ISSUER"],
    ["the issuer with a slash", () => document({ issuer: `${issuer}/` }), slash],
    [
      "the issuer in other case",
      () => document({ issuer: issuer.toUpperCase() }),
      "issuer is not the one in JWT_ISSUER",
    ],
    ["no issuer", () => document({ issuer: undefined }), notMetadata],
    ["an issuer in a list", () => document({ issuer: [issuer] }), notMetadata],
    ["no jwks_uri", () => document({ jwks_uri: undefined }), notMetadata],
    ["a plain http jwks_uri", () => document({ jwks_uri: "http://keys.example/jwks" }), "is not an https URL"],
    ["a local jwks_uri", () => document({ jwks_uri: "http://localhost:9000/jwks" }), "is not an https URL"],
    ["a jwks_uri with a password", () => document({ jwks_uri: "https://a:b@keys.example/" }), "is not an https URL"],
    ["a relative jwks_uri", () => document({ jwks_uri: "/jwks" }), "is not an https URL"],
    ["a redirect", () => Response.redirect("https://evil.example/", 302), "status 302"],
    ["404", () => new Response(null, { status: 404 }), "fetching the discovery document failed with status 404"],
    ["HTML", () => new Response("<html>"), notMetadata],
    ["a megabyte", () => document({ more: "x".repeat(2 ** 20) }), "is larger than 262144 bytes"],
  ];
  for (const [name, answer, message] of wrong) {
    test(`${name}, and the fault says so without quoting it`, async () => {
      const logged = silence();
      answers[documentUrl()] = answer;
      const refused = await answerTo();
      expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "5"]);
      expect(urls()).toEqual([documentUrl()]);
      const faults = logged.mock.calls.map(([line]) => JSON.parse(String(line)));
      expect(faults).toMatchObject([{ event: "fault", where: "jwks", error: expect.stringContaining(message) }]);
      expect(JSON.stringify(faults)).not.toMatch(/evil|keys\.example/);
    });
  }

  test("and is fetched again after the back-off of a key set", async () => {
    silence();
    stopClock();
    answers[documentUrl()] = () => new Response(null, { status: 500 });
    for (let i = 0; i < 5; i++) expect(await outcome()).toBe(503);
    expect(fetched).toHaveLength(1);
    answers[documentUrl()] = document;
    advanceClock(MIN_BACKOFF_MS);
    expect(await outcome()).toBe(ESTABLISHED);
  });

  test("so does the key set that a right document names", async () => {
    silence();
    answers["https://keys.example/jwks"] = () => Response.redirect("https://evil.example/", 302);
    expect((await answerTo()).status).toBe(503);
    expect(urls()).toEqual([documentUrl(), "https://keys.example/jwks"]);
  });
});
