import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/config/env.ts";
import { app } from "../../src/edge/app.ts";
import { COOLDOWN_MS, FRESH_MS, MAX_JWKS_BACKOFF_MS, MIN_BACKOFF_MS, STALE_MS } from "../../src/edge/auth/jwks.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { makeKey, type SigningKey, signWith } from "../support/jwks.ts";
import { hush } from "../support/printed.ts";
import { ORIGIN } from "../support/service.ts";
import { outcomeOf } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `JWKS_URL`: a login service's public keys verify its tokens; they come and go, and so does their endpoint. */

const ALGORITHMS = "RS256,PS256,ES256,ES384,EdDSA";
const keySet = (...keys: SigningKey[]) => Response.json({ keys: keys.map(({ publicJwk }) => publicJwk) });

/** The endpoint's answer; it stands in for a host that no test can reach. */
let endpoint: (request: Request) => Response | Promise<Response>;
let fetches: Request[];
let there: Env;
let logged: ReturnType<typeof hush>;

beforeEach(() => {
  stopClock();
  fetches = [];
  // Another endpoint a test, because what is known of one is known to the whole process.
  const JWKS_URL = `https://login.example/${crypto.randomUUID()}/jwks.json`;
  there = { ...env, JWKS_URL, JWT_ALGORITHMS: ALGORITHMS, JWT_SECRET: "" };
  logged = hush();
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
    test(`signed with ${alg} are taken, and the keys are fetched once`, async () => {
      const key = await makeKey(alg);
      endpoint = () => keySet(key);
      expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
      expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
      expect(fetches).toHaveLength(1);
    });
  }

  test("of a key that is not in the set are refused", async () => {
    const [known, unknown] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(known);
    expect(await outcome(await signWith(unknown))).toBe(4001);
  });

  test("without a kid are taken where there is no choice", async () => {
    const [one, other] = [await makeKey("RS256", null), await makeKey("ES256", null)];
    endpoint = () => keySet(one, other);
    expect(await outcome(await signWith(one))).toBe(ESTABLISHED);
    const second = await makeKey("ES256", null);
    endpoint = () => keySet(other, second);
    advanceClock(FRESH_MS);
    expect(await outcome(await signWith(other))).toBe(4001);
  });

  test("are still taken with JWT_SECRET, too, when HS256 is on the list; and without it they are not", async () => {
    const key = await makeKey();
    endpoint = () => keySet(key);
    expect(await outcome(await mintToken())).toBe(4001);
    there = { ...env, JWKS_URL: there.JWKS_URL, JWT_ALGORITHMS: "HS256,RS256" };
    expect(await outcome(await mintToken())).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(0);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
  });

  test("cannot have a ticket without JWT_SECRET: the service says what it lacks", async () => {
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

describe("rotation", () => {
  test("a token of a new key has the set fetched again, at most once in 30 s", async () => {
    const [old, next, stranger] = [await makeKey(), await makeKey(), await makeKey()];
    endpoint = () => keySet(old);
    expect(await outcome(await signWith(old))).toBe(ESTABLISHED);
    endpoint = () => keySet(old, next);
    advanceClock(COOLDOWN_MS);
    expect(await outcome(await signWith(next))).toBe(ESTABLISHED);
    expect(await outcome(await signWith(old))).toBe(ESTABLISHED);
    expect(fetches).toHaveLength(2);
    advanceClock(1);
    // Nobody can tell yet that these do not exist.
    for (let n = 0; n < 100; n++) expect(await outcome(await signWith({ ...stranger, kid: `guess-${n}` }))).toBe(503);
    expect(fetches).toHaveLength(2);
    advanceClock(COOLDOWN_MS);
    expect(await outcome(await signWith(stranger))).toBe(4001);
    advanceClock(1);
    for (let n = 0; n < 100; n++) expect(await outcome(await signWith({ ...stranger, kid: `more-${n}` }))).toBe(503);
    expect(fetches).toHaveLength(3);
  });

  test("a new key that comes while strangers have the set fetched is no bad one: 503 with Retry-After, then taken", async () => {
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

  test("what is wrong with a token whose key is known stays 4001 at any time, and so does a token without a kid", async () => {
    const [key, other] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(key, other);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    advanceClock(1);
    expect(await outcome(await signWith({ ...other, kid: key.kid }))).toBe(4001);
    expect(await outcome(await signWith(key, { exp: Math.floor(Date.now() / 1000) - 1 }))).toBe(4001);
    expect(await outcome(await signWith({ ...key, kid: undefined }))).toBe(4001);
    expect(await outcome(await signWith(await makeKey("ES256", key.kid)))).toBe(4001);
    expect(fetches).toHaveLength(1);
  });

  test("an old key that was removed is refused once the set is no longer fresh", async () => {
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

describe("an endpoint that fails", () => {
  const failures: [string, () => Response | Promise<Response>][] = [
    ["500", () => new Response("oops", { status: 500 })],
    ["a redirect", () => Response.redirect("https://evil.example/jwks.json", 302)],
    ["no JSON", () => new Response("<html>")],
    ["no key set", () => Response.json({ kty: "RSA" })],
    ["an empty set", () => Response.json({ keys: [] })],
    ["a secret in the set", () => Response.json({ keys: [{ kty: "oct", k: "c2VjcmV0", alg: "HS256", kid: "a" }] })],
    ["a megabyte", () => new Response(`{"keys":[],"more":"${"x".repeat(2 ** 20)}"}`)],
    ["no answer", () => Promise.reject(new Error("connection refused"))],
  ];
  for (const [name, answer] of failures) {
    test(`${name}: 503 with Retry-After, on a socket as over HTTP; never "invalid token"`, async () => {
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

  test("is asked 5 s later, then after twice that, and never less than once a minute", async () => {
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

  test("does not make a new key a bad one: 503 until the set could be had", async () => {
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

  test("does not hurt the keys that are known, for an hour; then nobody is told that a token is bad", async () => {
    const [key, next] = [await makeKey(), await makeKey()];
    endpoint = () => keySet(key);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    endpoint = () => new Response(null, { status: 500 });
    advanceClock(FRESH_MS);
    expect(await outcome(await signWith(key))).toBe(ESTABLISHED);
    // It may well be a key that was added meanwhile.
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

describe("requests at the same time", () => {
  test("that need keys wait for one fetch, and all are let in", async () => {
    const key = await makeKey();
    const answer = Promise.withResolvers<void>();
    endpoint = async () => {
      await answer.promise;
      return keySet(key);
    };
    const token = await signWith(key);
    const outcomes = Promise.all(Array.from({ length: 50 }, () => outcome(token)));
    await scheduler.wait(100);
    answer.resolve();
    expect(new Set(await outcomes)).toEqual(new Set([ESTABLISHED]));
    expect(fetches).toHaveLength(1);
  });

  test("whose keys are merely old do not wait", async () => {
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
