import { afterEach, describe, expect, test, vi } from "vitest";
import type { Scope } from "../../src/config/credentials.ts";
import type { Problem } from "../../src/protocol/refusals.ts";
import { logLines } from "../support/leak-guard/console.ts";
import { registerOrder, request } from "../support/service.ts";
import { PUBLISH_KEY, SCOPED_KEYS } from "../support/test-env.ts";
import { adminToken, mintToken } from "../support/tokens.ts";
import { signatureOf } from "../support/webhook-signature.ts";

/** `X-API-Key`: another place for a publish key. */

afterEach(() => void vi.restoreAllMocks());

const order = await registerOrder();
const event = JSON.stringify({ type: "order_shipped", data: { order_id: order } });
const batch = JSON.stringify({ events: [{ channel: `order_${order}`, ...JSON.parse(event) }] });
const calls: [method: string, path: string, body: string | null, scope: Scope][] = [
  ["POST", `/api/v1/publish/orders/${order}`, event, "orders"],
  ["POST", "/api/v1/publish/batch", batch, "orders"],
  ["POST", "/api/v1/disconnect", JSON.stringify({ channel: `order_${order}` }), "orders"],
  ["GET", `/api/v1/orders/${order}`, null, "read"],
  ["GET", "/api/v1/ws/health", null, "read"],
  ["GET", "/metrics", null, "read"],
];

describe.each(calls)("%s %s", (method, path, body, scope) => {
  const call = (headers: Record<string, string>) =>
    request(path, { method, headers: { "Content-Type": "application/json", ...headers }, body });
  const answer = async (headers: Record<string, string>) => {
    const response = await call(headers);
    return { status: response.status, type: (await response.json<Problem>()).type };
  };

  test("accepts a key in X-API-Key, within its scopes", async () => {
    expect((await call({ "X-API-Key": PUBLISH_KEY })).status).not.toBeGreaterThan(299);
    expect((await call({ "x-api-key": SCOPED_KEYS[scope] })).status).not.toBeGreaterThan(299);
  });

  test("refuses a wrong key and a user's token in X-API-Key with 401, and the log has neither", async () => {
    const warnings = logLines("warn");
    for (const key of ["x".repeat(40), await adminToken(), "", `Bearer ${PUBLISH_KEY}`, `${PUBLISH_KEY}, x`]) {
      const refused = { status: 401, type: "urn:tidings:problem:key_invalid" };
      expect(await answer({ "X-API-Key": key })).toEqual(refused);
      expect(warnings().at(-1)).toMatchObject({
        event: "refusal",
        reason: "key_invalid",
        reason_detail: "key_unknown",
      });
    }
    expect(JSON.stringify(warnings())).not.toContain(PUBLISH_KEY);
  });

  test("refuses X-API-Key beside another credential with 400, even if both are good", async () => {
    const others: Record<string, string>[] = [
      { Authorization: `Bearer ${PUBLISH_KEY}` },
      { Authorization: `Bearer ${await mintToken()}` },
      { Authorization: "Basic YTpi" },
      signatureOf(body ?? ""),
      { "webhook-id": "1" },
    ];
    for (const other of others) {
      const refused = { status: 400, type: "urn:tidings:problem:credentials_ambiguous" };
      expect(await answer({ "X-API-Key": PUBLISH_KEY, ...other })).toEqual(refused);
    }
  });

  test("refuses X-API-Key from a page with 403, whatever its origin", async () => {
    for (const Origin of ["https://shop.example", "https://tidings.example", "https://evil.example", "null"]) {
      const refused = { status: 403, type: "urn:tidings:problem:access_denied" };
      expect(await answer({ "X-API-Key": PUBLISH_KEY, Origin })).toEqual(refused);
    }
  });
});

test("a page's preflight does not allow X-API-Key", async () => {
  const headers = { Origin: "https://shop.example", "Access-Control-Request-Method": "POST" };
  const response = await request("/api/v1/publish/products", { method: "OPTIONS", headers });
  expect(response.headers.get("Access-Control-Allow-Headers")?.toLowerCase()).not.toContain("x-api-key");
});
