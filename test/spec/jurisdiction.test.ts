import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import { silence } from "../support/leak-guard/console.ts";
import { ORIGIN } from "../support/service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";

/** The local runtime has no jurisdictions and refuses them (workerd 1.20261023). */

test("with JURISDICTION=eu, a runtime without jurisdictions stores nothing instead of storing it anywhere", async () => {
  silence();
  const eu = { ...env, JURISDICTION: "eu" };
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" };
  const event = { type: "price_updated", data: { product_id: "p", new_price: 1 } };
  const calls = [
    new Request(`${ORIGIN}/api/v1/publish/products`, { method: "POST", headers, body: JSON.stringify(event) }),
    new Request(`${ORIGIN}/api/v1/orders/${crypto.randomUUID()}`, { headers }),
    new Request(`${ORIGIN}/api/v1/ws/health`, { headers }),
  ];
  for (const call of calls) expect((await app.fetch(call, eu)).status).toBeGreaterThanOrEqual(500);
  expect(await listDurableObjectIds(env.ORDER_CHANNEL)).toEqual([]);
  expect(await listDurableObjectIds(env.PRODUCTS_CHANNEL)).toEqual([]);
  expect(await listDurableObjectIds(env.CHANNEL_REGISTRY)).toEqual([]);
});
