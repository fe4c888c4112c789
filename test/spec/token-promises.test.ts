import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/config/env.ts";
import { app } from "../../src/edge/app.ts";
import { MAX_NBF_AHEAD_SECONDS } from "../../src/edge/auth/verify.ts";
import { MAX_TOKEN_LENGTH } from "../../src/protocol/frames.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { silence } from "../support/leak-guard/console.ts";
import { connect, ORIGIN, registerOrder, request } from "../support/service.ts";
import { makeKey, signWith } from "../support/signing-keys.ts";
import { outcomeOf, TestSocket } from "../support/test-socket.ts";
import { mintToken, tokenOfLength } from "../support/tokens.ts";

/** What the service promises about users' tokens: their length, their times, and the key set that verifies them. */

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const now = () => Math.floor(Date.now() / 1000);
const connecting = async (token: string) => new TestSocket(await handshake(token));
const handshake = (token: string, headers: HeadersInit = {}) =>
  request(`/api/v1/ws/products?token=${token}`, { headers: { Upgrade: "websocket", ...headers } });

describe("one maximum token length", () => {
  const WAYS: [string, (token: string) => Promise<TestSocket>][] = [
    ["in the query", connecting],
    ["in Authorization", (token) => connect("products", { headers: { Authorization: `Bearer ${token}` } })],
    [
      "in the subprotocol",
      (token) => connect("products", { headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } }),
    ],
  ];
  for (const [name, connectWith] of WAYS) {
    test(`a token of ${MAX_TOKEN_LENGTH} characters connects ${name}`, async () => {
      expect((await (await connectWith(await tokenOfLength(MAX_TOKEN_LENGTH))).frame()).type).toBe(
        "connection_established",
      );
    });

    test(`a longer one is refused ${name} with a final code that says why`, async () => {
      const socket = await connectWith(await tokenOfLength(MAX_TOKEN_LENGTH + 1));
      expect(await socket.closed()).toEqual({ code: 4001, reason: "Token too long" });
    });
  }

  test("is the same for `authenticate`: a long `groups` claim that connects also renews", async () => {
    for (const length of [5000, MAX_TOKEN_LENGTH]) {
      const token = await tokenOfLength(length);
      const socket = await connecting(token);
      await socket.frame();
      socket.send(JSON.stringify({ type: "authenticate", token }));
      expect(await socket.settle()).toEqual([]);
      socket.close();
    }
  });

  test("beyond it, `authenticate` closes with the same code and reason", async () => {
    const socket = await connecting(await mintToken());
    await socket.frame();
    socket.send(JSON.stringify({ type: "authenticate", token: await tokenOfLength(MAX_TOKEN_LENGTH + 1) }));
    expect(await socket.closed()).toEqual({ code: 4001, reason: "Token too long" });
  });

  test("beyond a message's size, `authenticate` is final, too", async () => {
    const socket = await connecting(await mintToken());
    await socket.frame();
    socket.send(JSON.stringify({ type: "authenticate", token: "x".repeat(16 * 1024) }));
    expect(await socket.closed()).toEqual({ code: 4005, reason: "Protocol error" });
  });

  test("is the same for calls: 401 with its own type", async () => {
    const token = await tokenOfLength(MAX_TOKEN_LENGTH + 1);
    const response = await request(`/api/v1/orders/${crypto.randomUUID()}`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ type: "urn:tidings:problem:token_too_long" });
  });
});

describe("a token that becomes valid by waiting is never refused for good", () => {
  beforeEach(stopClock);
  const ahead = (seconds: number, more: Record<string, unknown> = {}) =>
    mintToken({ claims: { nbf: now() + seconds, ...more } });

  for (const seconds of [1, MAX_NBF_AHEAD_SECONDS]) {
    test(`nbf ${seconds} s ahead: 503 with Retry-After: ${seconds} for a handshake and a call, then accepted`, async () => {
      const id = await registerOrder();
      const token = await ahead(seconds);
      const answers = [
        await handshake(token),
        await handshake(token, { "Sec-WebSocket-Protocol": "tidings.v1" }),
        await request(`/api/v1/orders/${id}`, { headers: { Authorization: `Bearer ${token}` } }),
        await request("/api/v1/ws/health", { headers: { Authorization: `Bearer ${token}` } }),
      ];
      for (const answer of answers) {
        expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, String(seconds)]);
      }
      advanceClock(seconds * 1000);
      expect(await outcomeOf(await handshake(token))).toBe("connection_established");
    });

    test(`nbf ${seconds} s ahead in \`authenticate\`: 4200, reconnect now`, async () => {
      const socket = await connecting(await mintToken());
      await socket.frame();
      socket.send(JSON.stringify({ type: "authenticate", token: await ahead(seconds) }));
      expect(await socket.closed()).toEqual({ code: 4200, reason: "Going away" });
    });
  }

  test("further ahead is final, and so is a token that will have expired by then", async () => {
    const final = [
      await ahead(MAX_NBF_AHEAD_SECONDS + 1),
      await ahead(30, { exp: now() + 30 }),
      await ahead(30, { exp: now() - 10 }),
    ];
    for (const token of final) expect(await outcomeOf(await handshake(token))).toBe(4001);
    const socket = await connecting(await mintToken());
    await socket.frame();
    socket.send(JSON.stringify({ type: "authenticate", token: await ahead(MAX_NBF_AHEAD_SECONDS + 1) }));
    expect(await socket.closed()).toEqual({ code: 4001, reason: "Invalid token" });
  });

  test("exp has no leeway: it ends a token in its very second", async () => {
    const token = await mintToken({ expiresIn: 10 });
    advanceClock(9_000);
    expect(await outcomeOf(await handshake(token))).toBe("connection_established");
    advanceClock(1_000);
    expect(await (await connecting(token)).closed()).toEqual({ code: 4001, reason: "Token expired" });
  });

  test("iat is not checked, however far ahead", async () => {
    for (const seconds of [1, 3600, 10 ** 6]) {
      const token = await mintToken({ claims: { iat: now() + seconds } });
      expect(await outcomeOf(await handshake(token))).toBe("connection_established");
    }
  });
});

test("a fault while a token is verified is logged and answered 500, never a final refusal", async () => {
  const logged = silence();
  // Secrets are imported once for each environment.
  const settings = { ...env };
  const url = `${ORIGIN}/api/v1/ws/products?token=${await mintToken()}`;
  const outcome = async () =>
    outcomeOf(await app.fetch(new Request(url, { headers: { Upgrade: "websocket" } }), settings));
  vi.spyOn(crypto.subtle, "importKey").mockRejectedValueOnce(new TypeError("it fails for the test"));
  expect(await outcome()).toBe(500);
  expect(logged.mock.calls.map(([line]) => JSON.parse(String(line)))).toEqual([
    expect.objectContaining({ event: "fault", where: "request", error: expect.stringContaining("fails for the test") }),
  ]);
  expect(await outcome()).toBe("connection_established");
});

describe("a key set with members that the service cannot use", async () => {
  /** A public key of 1024 bits. */
  const weak = {
    kty: "RSA",
    n: "0KVTj0pvoMoNQoWSvm8f9WoKpJ2WuuePUZhfjcfJyAisMJ83arBlyJaWjJHWZcEd6WxOJwF9GBHKqqa1KKQkBGRvV9ok002XoN5frD-2L1TyEC-LoBJp0zDI2IQFZzQJXjG0XEOMtdkLYc6DdKew3qD0-GSTv7tJIPNa_n7E2Sc",
    e: "AQAB",
  };
  const [rsa, ec] = [await makeKey("RS256", "login-rsa"), await makeKey("ES256", "login-ec")];
  const good = [rsa.publicJwk, ec.publicJwk];

  function withKeys(...keys: unknown[]) {
    const settings: Env = {
      ...env,
      JWKS_URL: `https://login.example/${crypto.randomUUID()}/jwks.json`,
      JWT_ALGORITHMS: "RS256,ES256",
    };
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ keys }));
    return async (token: string) =>
      outcomeOf(
        await app.fetch(
          new Request(`${ORIGIN}/api/v1/ws/products?token=${token}`, { headers: { Upgrade: "websocket" } }),
          settings,
        ),
      );
  }

  const odd: [name: string, member: unknown, reason: string][] = [
    ['"kid": null', { ...rsa.publicJwk, kid: null }, "keys[1] kid is not a string"],
    ["a kid that is a number", { ...rsa.publicJwk, kid: 7 }, "keys[1] kid is not a string"],
    ["an unknown kty", { kty: "AKP", kid: "pq", alg: "ML-DSA-44", pub: "AAAA" }, 'keys[1] "pq" is not a public key'],
    ["no kty", { kid: "bare", n: "AAAA" }, 'keys[1] "bare" kty is not a string'],
    ["a key to encrypt with", { ...rsa.publicJwk, kid: "enc", use: "enc" }, 'keys[1] "enc" is not for signatures'],
    ["a use that is null", { ...rsa.publicJwk, kid: "u", use: null }, 'keys[1] "u" use is not a string'],
    ["an alg that is null", { ...rsa.publicJwk, kid: "a", alg: null }, 'keys[1] "a" alg is not a string'],
    ["another algorithm", { ...rsa.publicJwk, kid: "o", alg: "RSA-OAEP" }, 'keys[1] "o" is not a public key'],
    ["a point that is not on the curve", { ...ec.publicJwk, kid: "p", x: "AAAA" }, 'keys[1] "p" is not a public key'],
    ["an RSA key of 1024 bits", { ...weak, kid: "w" }, 'keys[1] "w" is not a public key for an algorithm of'],
    ["a key without operations", { ...rsa.publicJwk, kid: "k", key_ops: [] }, 'keys[1] "k" is not a public key'],
    [
      "a secret",
      { kty: "oct", kid: "s", k: "c2VjcmV0LXRoYXQtc2hvdWxkLW5vdC1iZS1oZXJl" },
      'keys[1] "s" is not a public',
    ],
    ["text", "key", "keys[1] is not an object"],
    ["null", null, "keys[1] is not an object"],
    ["a list", [rsa.publicJwk], "keys[1] is not an object"],
  ];
  for (const [name, member, reason] of odd) {
    test(`${name}: every other key works, and the log names the member once for each fetch`, async () => {
      const logged = silence("warn");
      const outcome = withKeys(good[0], member, good[1]);
      for (let i = 0; i < 2; i++) {
        for (const key of [rsa, ec]) expect(await outcome(await signWith(key))).toBe("connection_established");
      }
      const lines = logged.mock.calls.map(([line]) => JSON.parse(String(line)));
      expect(lines).toEqual([
        {
          level: "warn",
          event: "keys_skipped",
          request_id: expect.stringMatching(/^[\w-]+$/),
          where: "jwks",
          reason: expect.stringContaining(reason),
        },
      ]);
      for (const { n, x, k } of [rsa.publicJwk, ec.publicJwk, { k: "c2VjcmV0" }] as Record<string, string>[]) {
        for (const content of [n, x, k]) if (content) expect(JSON.stringify(lines)).not.toContain(content);
      }
    });
  }

  test("a token without a kid is verified with the key that signed it, after one that is too small", async () => {
    silence("warn");
    const { kid: _, ...nameless } = rsa.publicJwk;
    const outcome = withKeys(weak, nameless);
    expect(await outcome(await signWith({ ...rsa, kid: undefined }))).toBe("connection_established");
  });

  test("the same key listed twice is one key, with and without a kid", async () => {
    const logged = silence("warn");
    const { kid: _, ...nameless } = rsa.publicJwk;
    const { alg: __, ...withoutAlg } = rsa.publicJwk;
    const outcome = withKeys(rsa.publicJwk, rsa.publicJwk, nameless, { ...rsa.publicJwk, kid: "other" }, withoutAlg);
    for (const kid of ["login-rsa", "other", undefined]) {
      expect(await outcome(await signWith({ ...rsa, kid }))).toBe("connection_established");
    }
    expect(logged).not.toHaveBeenCalled();
  });

  test("a set without any usable key is a failed fetch (503), whose fault names the request", async () => {
    silence("warn");
    const logged = silence();
    const outcome = withKeys({ ...rsa.publicJwk, kid: null }, null);
    expect(await outcome(await signWith(rsa))).toBe(503);
    expect(logged.mock.calls.map(([line]) => JSON.parse(String(line)))).toEqual([
      expect.objectContaining({ event: "fault", where: "jwks", request_id: expect.stringMatching(/^[\w-]+$/) }),
    ]);
  });
});
