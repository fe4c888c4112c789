import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import type { Env } from "../../src/config/env.ts";
import { app } from "../../src/edge/app.ts";
import { silence } from "../support/leak-guard/console.ts";
import { ORIGIN } from "../support/service.ts";
import { makeKey, signWith } from "../support/signing-keys.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

/** Every 503 and 429 says when to try again, whichever part is overloaded or away; nothing answers 500 for it. */

let logged: MockInstance;
beforeEach(() => {
  logged = silence();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const KEY = { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" };
const id = crypto.randomUUID();

/** A namespace whose objects fail every call as the platform does: overloaded, away during a deploy, or full. */
function failing(flags: { overloaded?: true; retryable?: true; message?: string }) {
  const stub = new Proxy(
    {},
    { get: () => () => Promise.reject(Object.assign(new Error("it fails for the test"), flags)) },
  );
  return { getByName: () => stub } as unknown as DurableObjectNamespace<never>;
}

const send = (path: string, init: RequestInit, more: Partial<Env>) =>
  app.fetch(new Request(`${ORIGIN}${path}`, init), { ...env, ...more });

async function expectRetryable(response: Response, status: 429 | 503, seconds: RegExp = /^[1-9]\d*$/): Promise<void> {
  expect([response.status, response.headers.get("Content-Type")]).toEqual([status, "application/problem+json"]);
  expect(response.headers.get("Retry-After")).toMatch(seconds);
  const type = status === 429 ? "rate_limited" : "(unavailable|misconfigured)";
  expect(await response.json()).toMatchObject({ status, type: expect.stringMatching(`^urn:tidings:problem:${type}$`) });
}

const json = (body: unknown, method = "POST") => ({ method, headers: KEY, body: JSON.stringify(body) });
const event = { type: "order_shipped", data: {} };
const order = { user_id: "alice", status: "a", payment_status: "b" };
const listener = async () => ({ headers: { Upgrade: "websocket", Authorization: `Bearer ${await mintToken()}` } });

/** Every call that needs a channel. */
const calls: [what: string, path: string, init: () => RequestInit | Promise<RequestInit>][] = [
  ["a handshake of an order", `/api/v1/ws/orders/${id}`, listener],
  ["a handshake of products", "/api/v1/ws/products", listener],
  ["a publish to an order", `/api/v1/publish/orders/${id}`, () => json(event)],
  [
    "a publish to products",
    "/api/v1/publish/products",
    () => json({ type: "product_deleted", data: { product_id: "p" } }),
  ],
  ["PUT", `/api/v1/orders/${id}`, () => json(order, "PUT")],
  ["GET", `/api/v1/orders/${id}`, () => ({ headers: KEY })],
  ["DELETE", `/api/v1/orders/${id}`, () => ({ method: "DELETE", headers: KEY })],
  ["a ticket", `/api/v1/orders/${id}/tickets`, () => json({})],
  ["a disconnect", "/api/v1/disconnect", () => json({ channel: `order_${id}` })],
];

for (const [state, flags] of [
  ["is overloaded", { overloaded: true }],
  ["is away", { retryable: true }],
  ["finds no room to write", { message: "database or disk is full: SQLITE_FULL" }],
  ["cannot commit what it wrote", { message: "internal error; reference = 0k1v3m8s" }],
] as const) {
  describe(`while a channel ${state}`, () => {
    const away = { ORDER_CHANNEL: failing(flags), PRODUCTS_CHANNEL: failing(flags) };
    for (const [what, path, init] of calls) {
      test(`${what} is 503 with Retry-After`, async () => {
        await expectRetryable(await send(path, await init(), away as unknown as Partial<Env>), 503);
      });
    }

    test("a batch is answered, and each undelivered event has status 503", async () => {
      const events = [{ channel: `order_${id}`, ...event }, {}];
      const response = await send("/api/v1/publish/batch", json({ events }), away as unknown as Partial<Env>);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        results: [{ error: { status: 503 } }, { error: { status: 422 } }],
      });
    });
  });
}

test("a disconnect that fails for any other reason, such as a shard that was not reached, is 503 as well", async () => {
  const more = { PRODUCTS_CHANNEL: failing({}) };
  await expectRetryable(await send("/api/v1/disconnect", json({ channel: "products" }), more), 503);
  expect(logged).toHaveBeenCalled();
});

describe("while the relay or a registry is away", () => {
  const redis = { UPSTASH_REDIS_REST_URL: "https://redis.example", UPSTASH_REDIS_REST_TOKEN: "test-redis-token" };
  const parts: [string, Record<string, unknown>][] = [
    ["the relay", { ...redis, STREAM_RELAY: failing({ overloaded: true }) }],
    ["a registry", { CHANNEL_REGISTRY: failing({ overloaded: true }) }],
  ];
  for (const [name, more] of parts) {
    test(`metrics are 503 with Retry-After without ${name}, and health says degraded`, async () => {
      await expectRetryable(await send("/metrics", { headers: KEY }, more), 503);
      const health = await send("/api/v1/ws/health", {}, more);
      expect([health.status, (await health.json<{ status: string }>()).status]).toEqual([200, "degraded"]);
      expect(logged).toHaveBeenCalled();
    });
  }
});

describe("the Worker itself answers", () => {
  test("429 with the limit's period to callers beyond a rate limit", async () => {
    const full = { limit: async () => ({ success: false }) } as RateLimit;
    const more = {
      RATE_LIMITS: "on",
      PUBLISHES_PER_KEY: full,
      MANAGEMENT_PER_KEY: full,
      BAD_CREDENTIALS_PER_ADDRESS: full,
      CONNECTS_PER_ADDRESS: full,
      CONNECTS_PER_USER: full,
    };
    for (const [what, path, init] of calls) {
      if (!what.startsWith("a handshake")) await expectRetryable(await send(path, await init(), more), 429, /^10$/);
    }
    await expectRetryable(await send("/metrics", { headers: KEY }, more), 429, /^10$/);
    const stranger = { "CF-Connecting-IP": "192.0.2.1" };
    await expectRetryable(await send("/api/v1/ws/health", { headers: stranger }, more), 429, /^60$/);
    const wrong = { ...stranger, Authorization: `Bearer ${"w".repeat(40)}` };
    await expectRetryable(await send("/metrics", { headers: wrong }, more), 429, /^60$/);
    const user = { Authorization: `Bearer ${await mintToken()}` };
    await expectRetryable(await send(`/api/v1/orders/${id}`, { headers: user }, more), 429, /^60$/);
  });

  test("503 while its settings are invalid", async () => {
    for (const [, path, init] of calls)
      await expectRetryable(await send(path, await init(), { HISTORY_LIMIT: "x" }), 503);
  });

  test("503 while a token cannot be verified, or is not valid yet", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 500 }));
    const more = { JWKS_URL: "https://login.example/overload/jwks.json", JWT_ALGORITHMS: "HS256,RS256" };
    const soon = await mintToken({ claims: { nbf: Math.floor(Date.now() / 1000) + 30 } });
    for (const token of [await signWith(await makeKey()), soon]) {
      const headers = { Authorization: `Bearer ${token}` };
      await expectRetryable(await send(`/api/v1/orders/${id}`, { headers }, more), 503);
      await expectRetryable(
        await send("/api/v1/ws/products", { headers: { ...headers, Upgrade: "websocket" } }, more),
        503,
      );
    }
  });

  test("503 while the shop's backend fails to say whose an order is", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 503 }));
    const more = { ORDERS_API_URL: "https://api.shop.example/orders" };
    await expectRetryable(await send(`/api/v1/ws/orders/${crypto.randomUUID()}`, await listener(), more), 503);
  });
});
