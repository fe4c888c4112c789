import { afterEach, describe, expect, test, vi } from "vitest";
import { MAX_BATCH_BYTES } from "../../src/protocol/publish.ts";
import { eventually } from "../support/eventually.ts";
import { logLines } from "../support/leak-guard/console.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { connect, registerOrder, request, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY, SCOPED_KEYS } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { signatureOf } from "../support/webhook-signature.ts";

/** Log and metrics name the service whose call was refused, so operators can find the one that errs. */

afterEach(() => {
  vi.restoreAllMocks();
});

const as = (key: string) => ({ Authorization: `Bearer ${key}` });
const price = { type: "price_updated", data: { product_id: "p", new_price: 1 } };
const invalid = { type: "price_updated", data: {} };

describe("the log line of a refusal names the key, without the key itself:", () => {
  const order = crypto.randomUUID();
  const calls: [what: string, name: string, status: number, call: () => Promise<Response>][] = [
    ["an invalid event", "shop", 422, () => serviceRequest("POST", "/api/v1/publish/products", invalid)],
    [
      "an oversized event",
      "stocktaker",
      413,
      () =>
        serviceRequest(
          "POST",
          "/api/v1/publish/products",
          { ...price, data: { ...price.data, note: "x".repeat(MAX_BATCH_BYTES) } },
          as(SCOPED_KEYS.products),
        ),
    ],
    [
      "a key of another scope",
      "stocktaker",
      403,
      () => serviceRequest("POST", `/api/v1/publish/orders/${order}`, price, as(SCOPED_KEYS.products)),
    ],
    [
      "a delete with a read key",
      "reader",
      403,
      () => serviceRequest("DELETE", `/api/v1/orders/${order}`, undefined, as(SCOPED_KEYS.read)),
    ],
    [
      "a read with an orders key",
      "desk",
      403,
      () => serviceRequest("GET", `/api/v1/orders/${order}`, undefined, as(SCOPED_KEYS.orders)),
    ],
    ["a body that is not JSON", "shop", 400, () => serviceRequest("PUT", `/api/v1/orders/${order}`, "{")],
    [
      "an invalid signed event",
      "stock",
      422,
      () => {
        const body = JSON.stringify(invalid);
        const key = PUBLISH_KEY.replace("-shop", "-stock");
        return request("/api/v1/publish/products", { method: "POST", body, headers: signatureOf(body, { key }) });
      },
    ],
  ];
  for (const [what, name, status, call] of calls) {
    test(`${what} (${status}) by ${name}`, async () => {
      const lines = logLines("warn");
      const response = await call();
      expect(response.status).toBe(status);
      const id = response.headers.get("X-Request-Id");
      expect(lines().filter((line) => line.request_id === id)).toEqual([
        expect.objectContaining({ event: "refusal", code: status, key: name }),
      ]);
    });
  }

  test("a refusal of an unknown key or a user names no key", async () => {
    const lines = logLines("warn");
    expect((await serviceRequest("POST", "/api/v1/publish/products", price, as("x".repeat(40)))).status).toBe(401);
    const id = await registerOrder("alice");
    await (await connect(`orders/${id}`, { token: await mintToken({ subject: "mallory" }) })).closed();
    expect(lines().map(({ code }) => code)).toEqual([401, 4003]);
    for (const line of lines()) expect(line).not.toHaveProperty("key");
  });
});

test("rejected events are counted per key, single ones and those in a batch", async () => {
  const of = async (key: string) => {
    const text = await (await serviceRequest("GET", "/metrics")).text();
    return metricValue(parseMetrics(text), "tidings_events_rejected_total", { via: "http", key });
  };
  const [shop, stocktaker] = [await of("shop"), await of("stocktaker")];
  await serviceRequest("POST", "/api/v1/publish/products", invalid, as(SCOPED_KEYS.products));
  const headers = { ...as(SCOPED_KEYS.products), "Idempotency-Key": "another" };
  await serviceRequest("POST", "/api/v1/publish/products", { ...price, id: "one" }, headers);
  const events = [{}, { channel: "products", ...price }, { channel: `order_${crypto.randomUUID()}`, ...price }];
  await serviceRequest("POST", "/api/v1/publish/batch", { events }, as(SCOPED_KEYS.products));
  await eventually(async () => expect(await of("stocktaker")).toBe(stocktaker + 4));
  expect(await of("shop")).toBe(shop);
});
