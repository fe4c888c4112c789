import { afterEach, expect, test, vi } from "vitest";
import { eventually } from "../support/eventually.ts";
import { logLines } from "../support/leak-guard/console.ts";
import { PUBLISHES_PER_KEY } from "../support/low-limits.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { serviceRequest } from "../support/service.ts";
import { SCOPED_KEYS } from "../support/test-env.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("a service that exceeds its publish limit is named in the log and in the metrics", async () => {
  const lines = logLines("warn");
  const event = { type: "product_deleted", data: { product_id: "p" } };
  const headers = { Authorization: `Bearer ${SCOPED_KEYS.products}` };
  const publish = () => serviceRequest("POST", "/api/v1/publish/products", event, headers);
  for (let i = 0; i < PUBLISHES_PER_KEY; i++) expect((await publish()).status).toBe(200);
  expect((await publish()).status).toBe(429);
  expect(lines()).toEqual([expect.objectContaining({ event: "refusal", code: 429, key: "stocktaker" })]);
  await eventually(async () => {
    const samples = parseMetrics(await (await serviceRequest("GET", "/metrics")).text());
    const labels = { limit: "publishes_per_key", key: "stocktaker" };
    expect(metricValue(samples, "tidings_rate_limited_total", labels)).toBe(1);
  });
});
