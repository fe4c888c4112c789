import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/config/env.ts";
import { app } from "../../src/edge/app.ts";
import { COOLDOWN_MS, FRESH_MS, MAX_JWKS_BACKOFF_MS, MIN_BACKOFF_MS, STALE_MS } from "../../src/edge/auth/jwks.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { silence } from "../support/leak-guard/console.ts";
import { ORIGIN } from "../support/service.ts";
import { makeKey, type SigningKey, signWith } from "../support/signing-keys.ts";
import { outcomeOf } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `JWKS_URL`: public keys of a login service verify its tokens, through key rotation and outages of the endpoint. */

const ALGORITHMS = "RS256,PS256,ES256,ES384,EdDSA";
const keySet = (...keys: SigningKey[]) => Response.json({ keys: keys.map(({ publicJwk }) => publicJwk) });

/** The answer of the key endpoint, in place of a real host. */
let endpoint: (request: Request) => Response | Promise<Response>;
let fetches: Request[];
let there: Env;
let logged: ReturnType<typeof silence>;

beforeEach(() => {
  stopClock();
  fetches = [];
  // A new endpoint for each test, because keys are cached for the whole isolate.
  const JWKS_URL = `https://login.example/${crypto.randomUUID()}/jwks.json`;
  there = { ...env, JWKS_URL, JWT_ALGORITHMS: ALGORITHMS, JWT_SECRET: "" };
  logged = silence();
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as string, init as RequestInit);
    fetches.push(request);
    return endpoint(request);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const ask = (token: string) =>
  app.fetch(new Request(`${ORIGIN}/api/v1/ws/products?token=${token}`, { headers: { Upgrade: "websocket" } }), there);

const outcome = async (token: string) => outcomeOf(await ask(token));
const ESTABLISHED = "connection_established";

describe("tokens", () => {
  for (const alg of ALGORITHMS.split(",")) {
    test(`signed with ${alg} are accepted, and the keys are fetched once`, async () => {
      const key = await makeKey(alg);
      endpoint = () => keySet(key);
      expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
      expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
      expect(fetches).toHaveLength(1);
    });
  }

  test("signed with a key that is not in the set are refused", async () => {
    const [known, unknown] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(known);
    expect(await outcome(await signWith(unknown))).toBe(4001);
  });

  test("are accepted with any key of their kid, or without a kid with any key of their algorithm", async () => {
    for (const kid of ["same", null]) {
      const [one, other, stranger] = [
        await makeKey("ES256", kid),
        await makeKey("ES256", kid),
        await makeKey("ES256", kid),
      ];
      endpoint = () => keySet(one, other);
      there = { ...there, JWKS_URL: `https://login.example/${crypto.randomUUID()}/jwks.json` };
      for (const key of [one, other]) expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
      expect(await outcome(await signWith(stranger))).toBe(4001);
    }
  });

  test("are verified with at most four keys each, so that a forged one costs little", async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => makeKey("ES256", null)));
    endpoint = () => keySet(...keys);
    const verifications = vi.spyOn(crypto.subtle, "verify");
    expect(await outcome(await signWith(await makeKey("ES256", null)))).toBe(4001);
    expect(verifications).toHaveBeenCalledTimes(4);
  });

  test("are accepted with the first 50 keys of a larger set, and the log says that it was cut", async () => {
    const warned = silence("warn");
    const key = await makeKey();
    const many = Array.from({ length: 60 }, (_, index) => ({ ...key.publicJwk, kid: `key-${index}` }));
    endpoint = () => Response.json({ keys: many });
    expect(await outcome(await signWith({ ...key, kid: "key-49" }))).toBe(ESTABLISHED);
    expect(await outcome(await signWith({ ...key, kid: "key-50" }))).not.toBe(ESTABLISHED);
    expect(JSON.stringify(warned.mock.calls)).toContain("keys beyond the first 50");
  });

  test("signed with JWT_SECRET are accepted, too, when HS256 is listed, and refused when it is not", async () => {
    const key = await makeKey();
    endpoint = () => keySet(key);
    expect(await outcome(await mintToken())).toBe(4001);
    there = { ...env, JWKS_URL: there.JWKS_URL, JWT_ALGORITHMS: "HS256,RS256" };
    expect(await outcome(await mintToken())).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(0);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
  });

  test("tickets need JWT_SECRET: without it the answer names the missing setting", async () => {
    const url = `${ORIGIN}/api/v1/orders/${crypto.randomUUID()}/tickets`;
    const headers = {
      Authorization: "Bearer test-publish-key-0123456789abcdef-shop",
      "Content-Type": "application/json",
    };
    const response = await app.fetch(new Request(url, { method: "POST", headers, body: "{}" }), there);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      type: "urn:tidings:problem:misconfigured",
      errors: [{ field: "JWT_SECRET" }],
    });
  });
});

describe("key rotation", () => {
  test("a token signed with a new key triggers another fetch, at most once in 30 s", async () => {
    const [old, next, stranger] = [await makeKey(), await makeKey(), await makeKey()];
    endpoint = () => keySet(old);
    expect(await outcome(await signWith(old))).toBe(ESTABLISHED);
    endpoint = () => keySet(old, next);
    advanceClock(COOLDOWN_MS);
    expect(await outcome(await signWith(next))).toBe(ESTABLISHED);
    expect(await outcome(await signWith(old))).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(2);
    advanceClock(1);
    // It is not known yet whether these keys exist.
    for (let n = 0; n < 100; n++) expect(await outcome(await signWith({ ...stranger, kid: `guess-${n}` }))).toBe(503);
    expect(fetches).toHaveLength(2);
    advanceClock(COOLDOWN_MS);
    expect(await outcome(await signWith(stranger))).toBe(4001);
    advanceClock(1);
    for (let n = 0; n < 100; n++) expect(await outcome(await signWith({ ...stranger, kid: `more-${n}` }))).toBe(503);
    expect(fetches).toHaveLength(3);
  });

  test("a token signed with a new key is answered 503 with Retry-After while others exhaust the fetches, and then accepted", async () => {
    const [old, next, stranger] = [await makeKey(), await makeKey(), await makeKey()];
    endpoint = () => keySet(old);
    expect(await outcome(await signWith(stranger))).toBe(4001);
    endpoint = () => keySet(old, next);
    const token = await signWith(next);
    for (let seconds = 1; seconds < COOLDOWN_MS / 1000; seconds++) {
      advanceClock(1000);
      const answer = await ask(token);
      expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "5"]);
      expect(await outcome(await signWith({ ...stranger, kid: `guess-${seconds}` }))).toBe(503);
    }
    expect(fetches).toHaveLength(1);
    advanceClock(1000);
    expect(await outcome(await signWith({ ...stranger, kid: "first in line" }))).toBe(4001);
    advanceClock(1);
    expect(await outcome(token)).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(2);
  });

  test("a token that is wrong for a known key is always refused with 4001, and so is a token without a kid", async () => {
    const [key, other] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(key, other);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    advanceClock(1);
    expect(await outcome(await signWith({ ...other, kid: key.kid }))).toBe(4001);
    expect(await outcome(await signWith(key, { exp: Math.floor(Date.now() / 1000) - 1 }))).toBe(4001);
    expect(await outcome(await signWith({ ...(await makeKey()), kid: undefined }))).toBe(4001);
    expect(await outcome(await signWith(await makeKey("ES256", key.kid)))).toBe(4001);
    expect(fetches).toHaveLength(1);
  });

  test("a removed key is refused as soon as the cached set expires", async () => {
    const [old, next] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(old);
    expect(await outcome(await signWith(old))).toBe(ESTABLISHED);
    endpoint = () => keySet(next);
    advanceClock(FRESH_MS - 1);
    expect(await outcome(await signWith(old))).toBe(ESTABLISHED);
    advanceClock(1);
    expect(await outcome(await signWith(old))).toBe(4001);
    expect(await outcome(await signWith(next))).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(2);
  });
});

describe("a key endpoint that fails", () => {
  const failures: [string, () => Response | Promise<Response>][] = [
    ["500", () => new Response("oops", { status: 500 })],
    ["a redirect", () => Response.redirect("https://evil.example/jwks.json", 302)],
    ["HTML", () => new Response("<html>")],
    ["JSON that is not a key set", () => Response.json({ kty: "RSA" })],
    ["an empty set", () => Response.json({ keys: [] })],
    ["a secret in the set", () => Response.json({ keys: [{ kty: "oct", k: "c2VjcmV0", alg: "HS256", kid: "a" }] })],
    ["a megabyte", () => new Response(`{"keys":[],"more":"${"x".repeat(2 ** 20)}"}`)],
    ["no answer", () => Promise.reject(new Error("connection refused"))],
  ];
  for (const [name, answer] of failures) {
    test(`with ${name} causes 503 with Retry-After on sockets and over HTTP, never "invalid token"`, async () => {
      endpoint = answer;
      const token = await signWith(await makeKey());
      const socket = await ask(token);
      expect([socket.status, socket.headers.get("Retry-After")]).toEqual([503, expect.stringMatching(/^\d+$/)]);
      const url = `${ORIGIN}/api/v1/orders/${crypto.randomUUID()}`;
      const http = await app.fetch(new Request(url, { headers: { Authorization: `Bearer ${token}` } }), there);
      expect(http.status).toBe(503);
      expect(fetches).toHaveLength(1);
      expect(fetches[0]?.redirect).toBe("manual");
      expect(JSON.stringify(logged.mock.calls)).not.toContain(token);
    });
  }

  test("is asked again after 5 s, then after twice that, up to once a minute", async () => {
    endpoint = () => new Response(null, { status: 503 });
    const token = await signWith(await makeKey());
    const asked: number[] = [];
    const start = Date.now();
    while (Date.now() - start < 300_000) {
      const before = fetches.length;
      expect(await outcome(token)).toBe(503);
      if (fetches.length > before) asked.push((Date.now() - start) / 1000);
      advanceClock(1000);
    }
    expect(MIN_BACKOFF_MS).toBe(5_000);
    expect(MAX_JWKS_BACKOFF_MS).toBe(60_000);
    expect(asked).toEqual([0, 5, 15, 35, 75, 135, 195, 255]);
  });

  test("causes 503, not 4001, for a new key until the set can be fetched", async () => {
    const [key, next] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(key);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    endpoint = () => new Response(null, { status: 500 });
    advanceClock(COOLDOWN_MS);
    expect(await outcome(await signWith(next))).toBe(503);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    endpoint = () => keySet(key, next);
    expect(await outcome(await signWith(next))).toBe(503);
    advanceClock(MIN_BACKOFF_MS);
    expect(await outcome(await signWith(next))).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(3);
  });

  test("leaves known keys valid for an hour; after that, tokens are answered 503, not 4001", async () => {
    const [key, next] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(key);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    endpoint = () => new Response(null, { status: 500 });
    advanceClock(FRESH_MS);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    // The key may have been added in the meantime.
    expect(await outcome(await signWith(next))).toBe(503);
    advanceClock(STALE_MS - FRESH_MS - 1);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    advanceClock(1);
    expect(await outcome(await signWith(key))).toBe(503);
    endpoint = () => keySet(next);
    advanceClock(MAX_JWKS_BACKOFF_MS);
    expect(await outcome(await signWith(next))).toBe(ESTABLISHED);
    expect(await outcome(await signWith(key))).toBe(4001);
  });
});

describe("concurrent requests", () => {
  test("that need keys wait for one fetch, and all are accepted", async () => {
    const key = await makeKey();
    const answer = Promise.withResolvers<void>();
    endpoint = async () => {
      await answer.promise;
      return keySet(key);
    };
    const token = await signWith(key);
    const waits = vi.spyOn(scheduler, "wait");
    const outcomes = Promise.all(Array.from({ length: 50 }, () => outcome(token)));
    // One request fetches, the others wait for it.
    await eventually(() => expect(waits.mock.calls.length).toBeGreaterThanOrEqual(49));
    answer.resolve();
    expect(new Set(await outcomes)).toEqual(new Set([ESTABLISHED]));
    expect(fetches).toHaveLength(1);
  });

  test("whose keys are due for a refresh do not wait for it", async () => {
    const key = await makeKey();
    endpoint = () => keySet(key);
    const token = await signWith(key);
    expect(await outcome(token)).toBe(ESTABLISHED);
    advanceClock(FRESH_MS);
    const answer = Promise.withResolvers<void>();
    endpoint = async () => {
      await answer.promise;
      return keySet(key);
    };
    const first = outcome(token);
    expect(await outcome(token)).toBe(ESTABLISHED);
    answer.resolve();
    expect(await first).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(2);
  });
});
