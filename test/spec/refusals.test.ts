import { afterEach, describe, expect, test, vi } from "vitest";
import { MAX_BATCH_BYTES } from "../../src/protocol/publish.ts";
import { eventually } from "../support/eventually.ts";
import { logLines } from "../support/log-lines.ts";
import { metricValue, parseMetrics } from "../support/scrape.ts";
import { connect, registerOrder, request, serviceRequest } from "../support/service.ts";
import { signatureOf } from "../support/signing.ts";
import { PUBLISH_KEY, SCOPED_KEYS } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

/** The log and the metrics say which service was told no: with several, somebody has to find the one that errs. */

afterEach(() => {
  vi.restoreAllMocks();
});

const as = (key: string) => ({ Authorization: `Bearer ${key}` });
const price = { type: "price_updated", data: { product_id: "p", new_price: 1 } };
const rubbish = { type: "price_updated", data: {} };

describe("the line of a refusal has the key's name, and not the key", () => {
  const order = crypto.randomUUID();
  const calls: [what: string, name: string, status: number, call: () => Promise<Response>][] = [
    ["an event that is none", "shop", 422, () => serviceRequest("POST", "/api/v1/publish/products", rubbish)],
    [
      "an event that is too large",
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
      "a key for other things",
      "stocktaker",
      403,
      () => serviceRequest("POST", `/api/v1/publish/orders/${order}`, price, as(SCOPED_KEYS.products)),
    ],
    [
      "a reader who deletes",
      "reader",
      403,
      () => serviceRequest("DELETE", `/api/v1/orders/${order}`, undefined, as(SCOPED_KEYS.read)),
    ],
    [
      "a publisher who reads",
      "desk",
      403,
      () => serviceRequest("GET", `/api/v1/orders/${order}`, undefined, as(SCOPED_KEYS.orders)),
    ],
    ["a body that is no JSON", "shop", 400, () => serviceRequest("PUT", `/api/v1/orders/${order}`, "{")],
    [
      "a signed event that is none",
      "stock",
      422,
      () => {
        const body = JSON.stringify(rubbish);
        const key = PUBLISH_KEY.replace("-shop", "-stock");
        return request("/api/v1/publish/products", { method: "POST", body, headers: signatureOf(body, { key }) });
      },
    ],
  ];
  for (const [what, name, status, call] of calls) {
    test(`${what}: ${status} of ${name}`, async () => {
      const lines = logLines("warn");
      const response = await call();
      expect(response.status).toBe(status);
      const id = response.headers.get("X-Request-Id");
      expect(lines().filter((line) => line.request_id === id)).toEqual([
        expect.objectContaining({ event: "refusal", code: status, key: name }),
      ]);
    });
  }

  test("whoever is no known service has none", async () => {
    const lines = logLines("warn");
    expect((await serviceRequest("POST", "/api/v1/publish/products", price, as("x".repeat(40)))).status).toBe(401);
    const id = await registerOrder("alice");
    await (await connect(`orders/${id}`, { token: await mintToken({ subject: "mallory" }) })).closed();
    expect(lines().map(({ code }) => code)).toEqual([401, 4003]);
    for (const line of lines()) expect(line).not.toHaveProperty("key");
  });
});

test("events that do not pass are counted by key, one at a time as in a batch", async () => {
  const of = async (key: string) => {
    const text = await (await serviceRequest("GET", "/metrics")).text();
    return metricValue(parseMetrics(text), "tidings_events_rejected_total", { via: "http", key });
  };
  const [shop, stocktaker] = [await of("shop"), await of("stocktaker")];
  await serviceRequest("POST", "/api/v1/publish/products", rubbish, as(SCOPED_KEYS.products));
  const events = [{}, { channel: "products", ...price }, { channel: `order_${crypto.randomUUID()}`, ...price }];
  await serviceRequest("POST", "/api/v1/publish/batch", { events }, as(SCOPED_KEYS.products));
  await eventually(async () => expect(await of("stocktaker")).toBe(stocktaker + 3));
  expect(await of("shop")).toBe(shop);
});
