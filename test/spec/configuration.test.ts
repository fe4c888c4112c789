import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import type { Problem } from "../../src/protocol/refusals.ts";
import { eventually } from "../support/eventually.ts";
import { silence } from "../support/leak-guard/console.ts";
import { ORIGIN, serviceRequest } from "../support/service.ts";

test("a misconfigured service answers 503 and lists every invalid setting with its fix", async () => {
  const logged = silence();
  const broken = { ...env, JWT_SECRET: "too-short-to-tell", PUBLISH_KEYS: "", HISTORY_LIMIT: "many" };
  for (const path of ["/api/v1/ws/health", "/api/v1/publish/products", "/api/v1/ws/products"]) {
    const method = path.includes("publish") ? "POST" : "GET";
    const headers = { Authorization: "Bearer x", Upgrade: path.endsWith("ws/products") ? "websocket" : "" };
    const response = await app.fetch(new Request(`${ORIGIN}${path}`, { method, headers }), broken);
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toMatch(/^\d+$/);
    const { errors = [] } = await response.json<Problem>();
    expect(errors.map(({ field }) => field).sort()).toEqual(["HISTORY_LIMIT", "JWT_SECRET", "PUBLISH_KEYS"]);
    const text = JSON.stringify(errors);
    expect(text).toContain("wrangler secret put JWT_SECRET");
    expect(text).toContain("wrangler secret put PUBLISH_KEYS");
    expect(text).toContain("wrangler.toml");
    expect(text).not.toContain("too-short-to-tell");
  }
  expect(logged).toHaveBeenCalledTimes(3);
  expect(JSON.stringify(logged.mock.calls)).not.toContain("too-short-to-tell");
  await eventually(async () => {
    const metrics = await (await serviceRequest("GET", "/metrics")).text();
    expect(metrics).toContain('tidings_errors_total{where="configuration"} 3\n');
  });
});
