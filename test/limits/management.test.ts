import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { eventually } from "../support/eventually.ts";
import { logLines } from "../support/leak-guard/console.ts";
import { BAD_CREDENTIALS_PER_ADDRESS, MANAGEMENT_PER_KEY } from "../support/low-limits.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { ORIGIN, registerOrder, request, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY, SCOPED_KEYS, TEST_ENV } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { signatureOf } from "../support/webhook-signature.ts";

/** Limits of the calls that are not publishes, and of callers with wrong credentials. */

afterEach(() => {
  vi.restoreAllMocks();
});

const LIMITED = (seconds: number) => [429, String(seconds), "urn:tidings:problem:rate_limited"];
async function refusalOf(response: Response) {
  return [response.status, response.headers.get("Retry-After"), (await response.json<{ type: string }>()).type];
}

describe("management calls", () => {
  const registration = { user_id: "alice", status: "pending", payment_status: "pending" };

  test(`${MANAGEMENT_PER_KEY} of one key are answered, one more of any kind is 429 with Retry-After; publishes and other keys go on`, async () => {
    const id = await registerOrder();
    const as = (key: string) => ({ Authorization: `Bearer ${key}` });
    const calls: [string, string, unknown][] = [
      ["PUT", `/api/v1/orders/${id}`, registration],
      ["POST", `/api/v1/orders/${id}/tickets`, {}],
      ["POST", "/api/v1/disconnect", { channel: `order_${id}` }],
      ["DELETE", `/api/v1/orders/${crypto.randomUUID()}`, undefined],
    ];
    for (let i = 0; i < MANAGEMENT_PER_KEY; i++) {
      const [method, path, body] = calls[i % calls.length] ?? ["", "", null];
      expect((await serviceRequest(method, path, body, as(SCOPED_KEYS.orders))).status).not.toBe(429);
    }
    const lines = logLines("warn");
    for (const [method, path, body] of calls) {
      expect(await refusalOf(await serviceRequest(method, path, body, as(SCOPED_KEYS.orders)))).toEqual(LIMITED(10));
      expect((await serviceRequest(method, path, body, as(PUBLISH_KEY))).status).not.toBe(429);
    }
    expect(lines().filter(({ code }) => code === 429)).toEqual(
      calls.map(() => expect.objectContaining({ event: "refusal", reason: "rate_limited", key: "desk" })),
    );
    const event = { type: "order_shipped", data: {} };
    expect((await serviceRequest("POST", `/api/v1/publish/orders/${id}`, event, as(SCOPED_KEYS.orders))).status).toBe(
      200,
    );
    await eventually(async () => {
      const samples = parseMetrics(await (await serviceRequest("GET", "/metrics")).text());
      const labels = { limit: "management_per_key", key: "desk" };
      expect(metricValue(samples, "tidings_rate_limited_total", labels)).toBe(calls.length);
    });
  });

  test(`${MANAGEMENT_PER_KEY} reads of one key are answered, one more is 429: orders, health and metrics together`, async () => {
    const headers = { Authorization: `Bearer ${SCOPED_KEYS.read}` };
    const paths = [`/api/v1/orders/${await registerOrder()}`, "/api/v1/ws/health", "/metrics"];
    for (let i = 0; i < MANAGEMENT_PER_KEY; i++) {
      expect((await request(paths[i % paths.length] ?? "", { headers })).status).toBe(200);
    }
    for (const path of paths) expect(await refusalOf(await request(path, { headers }))).toEqual(LIMITED(10));
  });

  test("are free with RATE_LIMITS=off", async () => {
    const headers = { Authorization: `Bearer ${TEST_ENV.PUBLISH_KEYS.split(",")[1]?.split(":")[1]}` };
    for (let i = 0; i <= MANAGEMENT_PER_KEY; i++) {
      const url = `${ORIGIN}/api/v1/orders/${crypto.randomUUID()}`;
      expect((await app.fetch(new Request(url, { headers }), { ...env, RATE_LIMITS: "off" })).status).toBe(404);
    }
  });
});

describe("wrong credentials of one address", async () => {
  const id = crypto.randomUUID();
  const WRONG = `Bearer ${"w".repeat(40)}`;
  const event = { type: "product_deleted", data: { product_id: "p" } };
  let addresses = 0;
  const newAddress = () => `198.51.100.${++addresses}`;
  const from = (address: string, method: string, path: string, headers: HeadersInit = { Authorization: WRONG }) =>
    request(path, {
      method,
      headers: { "Content-Type": "application/json", "CF-Connecting-IP": address, ...headers },
      ...(method !== "GET" && method !== "DELETE" && { body: JSON.stringify(event) }),
    });

  const forged = await mintToken({ secret: "f".repeat(40) });
  const ways: [string, string, string, HeadersInit?][] = [
    ["a wrong key to publish with", "POST", "/api/v1/publish/products"],
    ["a wrong key for a batch", "POST", "/api/v1/publish/batch"],
    ["a wrong key to delete with", "DELETE", `/api/v1/orders/${id}`],
    ["a wrong key to disconnect with", "POST", "/api/v1/disconnect"],
    ["a wrong key for metrics", "GET", "/metrics"],
    ["a wrong key to read with", "GET", `/api/v1/orders/${id}`],
    ["a wrong key for health", "GET", "/api/v1/ws/health"],
    ["a forged token", "GET", `/api/v1/orders/${id}`, { Authorization: `Bearer ${forged}` }],
    ["half a signature", "POST", "/api/v1/publish/products", { "webhook-id": "1" }],
    [
      "a wrong signature",
      "POST",
      "/api/v1/publish/products",
      signatureOf(JSON.stringify(event), { key: "k".repeat(40) }),
    ],
  ];
  for (const [name, method, path, headers] of ways) {
    test(`${name}: ${BAD_CREDENTIALS_PER_ADDRESS} are 401, one more is 429 with Retry-After; another address is judged`, async () => {
      const address = newAddress();
      for (let i = 0; i < BAD_CREDENTIALS_PER_ADDRESS; i++) {
        expect((await from(address, method, path, headers)).status).toBe(401);
      }
      expect(await refusalOf(await from(address, method, path, headers))).toEqual(LIMITED(60));
      expect((await from(newAddress(), method, path, headers)).status).toBe(401);
    });
  }

  test("count together, and a right key from there is still served", async () => {
    const address = newAddress();
    for (let i = 0; i < BAD_CREDENTIALS_PER_ADDRESS; i++) {
      const [, method, path, headers] = ways[i % 7] ?? ["", "", ""];
      expect((await from(address, method, path, headers)).status).toBe(401);
    }
    expect((await from(address, "GET", "/metrics")).status).toBe(429);
    const right = { Authorization: `Bearer ${PUBLISH_KEY}` };
    expect((await from(address, "POST", "/api/v1/publish/products", right)).status).toBe(200);
  });

  test("do not include expired tokens and missing keys: pages of one office may have many of them", async () => {
    const address = newAddress();
    const expired = { Authorization: `Bearer ${await mintToken({ expiresIn: -10 })}` };
    for (let i = 0; i <= BAD_CREDENTIALS_PER_ADDRESS; i++) {
      expect((await from(address, "GET", `/api/v1/orders/${id}`, expired)).status).toBe(401);
      expect((await from(address, "GET", `/api/v1/orders/${id}`, {})).status).toBe(401);
      expect((await from(address, "POST", "/api/v1/publish/products", {})).status).toBe(401);
    }
  });
});
