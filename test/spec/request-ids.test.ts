import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import type { Env } from "../../src/config/env.ts";
import { app } from "../../src/edge/app.ts";
import { TokenVerifier } from "../../src/edge/auth/token-verifier.ts";
import { StreamRelay } from "../../src/ingress/redis/relay.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { eventually } from "../support/eventually.ts";
import { silence } from "../support/leak-guard/console.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { ORIGIN, orderObject, registerOrder, serviceRequest } from "../support/service.ts";
import { makeKey, signWith } from "../support/signing-keys.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/**
 * Every fault line that belongs to a request has the id that the response carries in `X-Request-Id`. The fault is counted
 * without another request.
 */

const RAY = "0123456789abcdef-FRA";
const fails = () => Promise.reject(new Error("it fails for the test"));

let logged: MockInstance;
beforeEach(() => {
  logged = silence();
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function send(path: string, init: RequestInit = {}, more: Partial<Env> = {}): Promise<Response> {
  const headers = { "CF-Ray": RAY, Authorization: `Bearer ${PUBLISH_KEY}`, ...(init.headers as object) };
  return app.fetch(new Request(`${ORIGIN}${path}`, { ...init, headers }), { ...env, ...more });
}

const countOf = async (where: string) =>
  metricValue(parseMetrics(await (await serviceRequest("GET", "/metrics")).text()), "tidings_errors_total", { where });

const WITH_REDIS = { UPSTASH_REDIS_REST_URL: "https://redis.example", UPSTASH_REDIS_REST_TOKEN: "test-redis-token" };
const event = JSON.stringify({ type: "order_shipped", data: {} });
const json = { "Content-Type": "application/json" };

const faults: [where: string, cause: () => Promise<Response>][] = [
  [
    "health",
    () => {
      vi.spyOn(ChannelRegistry.prototype, "overview").mockImplementationOnce(fails);
      return send("/api/v1/ws/health");
    },
  ],
  [
    "health",
    () => {
      vi.spyOn(StreamRelay.prototype, "status").mockImplementation(fails);
      return send("/api/v1/ws/health", {}, WITH_REDIS);
    },
  ],
  [
    "metrics",
    () => {
      vi.spyOn(ChannelRegistry.prototype, "metrics").mockImplementationOnce(fails);
      return send("/metrics");
    },
  ],
  [
    "rate_limit",
    () =>
      send("/api/v1/orders/x", {}, { RATE_LIMITS: "on", MANAGEMENT_PER_KEY: { limit: fails } as unknown as RateLimit }),
  ],
  ["configuration", () => send("/api/v1/ws/health", {}, { HISTORY_LIMIT: "many" })],
  [
    "request",
    () => {
      vi.spyOn(OrderChannel.prototype, "snapshot").mockImplementation(fails);
      return send(`/api/v1/orders/${crypto.randomUUID()}`);
    },
  ],
  [
    "deliver",
    () => {
      vi.spyOn(OrderChannel.prototype, "deliver").mockImplementation(fails);
      return send(`/api/v1/publish/orders/${crypto.randomUUID()}`, { method: "POST", headers: json, body: event });
    },
  ],
  [
    "orders_api",
    async () => {
      vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 500 }));
      const headers = { Upgrade: "websocket", Authorization: `Bearer ${await mintToken()}` };
      const ORDERS_API_URL = "https://api.shop.example/orders";
      return send(`/api/v1/ws/orders/${crypto.randomUUID()}`, { headers }, { ORDERS_API_URL });
    },
  ],
  [
    "jwks",
    async () => {
      vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 500 }));
      const headers = { Upgrade: "websocket", Authorization: `Bearer ${await signWith(await makeKey())}` };
      const JWKS_URL = `https://login.example/${crypto.randomUUID()}/jwks.json`;
      return send("/api/v1/ws/products", { headers }, { JWKS_URL, JWT_ALGORITHMS: "RS256,HS256" });
    },
  ],
];

for (const [where, cause] of faults) {
  test(`a fault of ${where}`, async () => {
    const before = await countOf(where);
    const response = await cause();
    expect(response.headers.get("X-Request-Id")).toBe(RAY);
    const lines = logged.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(lines).toContainEqual(expect.objectContaining({ event: "fault", where }));
    for (const line of lines) expect(line).toMatchObject({ event: "fault", request_id: RAY });
    vi.restoreAllMocks();
    await eventually(async () => expect(await countOf(where)).toBe(before + 1));
  });
}

test("a fault of a listener's message has the id of the request that opened the socket", async () => {
  const id = await registerOrder();
  const token = await mintToken();
  const response = await send(`/api/v1/ws/orders/${id}`, {
    headers: { Upgrade: "websocket", Authorization: `Bearer ${token}` },
  });
  const socket = new TestSocket(response);
  await socket.frame();
  const verify = vi.spyOn(TokenVerifier.prototype, "verify").mockImplementation(fails);
  socket.send(JSON.stringify({ type: "authenticate", token }));
  expect((await socket.closed()).code).toBe(4200);
  expect(verify).toHaveBeenCalledWith(token, RAY);
  expect(logged.mock.calls.map(([line]) => JSON.parse(String(line)))).toEqual([
    expect.objectContaining({ event: "fault", where: "message", request_id: RAY }),
  ]);
  expect(await orderObject(id).countListeners()).toBe(0);
});
