import { describe, expect, test } from "vitest";
import type { Scope } from "../../src/config/credentials.ts";
import type { Problem } from "../../src/protocol/refusals.ts";
import { ORIGIN, registerOrder, serviceRequest } from "../support/service.ts";
import { SCOPED_KEYS } from "../support/test-env.ts";

/** A publish key may do what its scopes allow; other calls are refused with the name of the missing scope. */

const event = { type: "order_shipped", data: {} };
const inventory = { type: "inventory_updated", data: { product_id: "p", new_quantity: 3 } };
const registration = { user_id: "alice", status: "pending", payment_status: "pending" };
const at = (path: string) => new URL(path, `${ORIGIN}/api/v1/`).pathname;
const bearer = (scope: Scope) => ({ Authorization: `Bearer ${SCOPED_KEYS[scope]}` });

describe("every service call needs one scope:", async () => {
  const order = await registerOrder();
  const doomed = await registerOrder();
  const calls: [method: string, path: string, body: unknown, needs: Scope][] = [
    ["POST", `publish/orders/${order}`, event, "orders"],
    ["PUT", `orders/${order}`, registration, "orders"],
    ["POST", `orders/${order}/tickets`, {}, "orders"],
    ["POST", "disconnect", { channel: `order_${order}` }, "orders"],
    ["DELETE", `orders/${doomed}`, undefined, "orders"],
    ["POST", "publish/products", inventory, "products"],
    ["POST", "disconnect", { channel: "products" }, "products"],
    ["GET", `orders/${order}`, undefined, "read"],
    ["GET", "ws/health", undefined, "read"],
    ["GET", "/metrics", undefined, "read"],
  ];
  for (const [method, path, body, needs] of calls) {
    test(`${method} ${path.replaceAll(/[0-9a-f-]{36}/g, "{order_id}")} ${body ? Object.keys(body) : ""}: ${needs}`, async () => {
      for (const scope of ["read", "products", "orders"] as const) {
        if (scope === needs) continue;
        const response = await serviceRequest(method, at(path), body, bearer(scope));
        expect(response.status).toBe(403);
        const { type, detail } = await response.json<Problem>();
        expect(type).toBe("urn:tidings:problem:access_denied");
        expect(detail).toBe(`This publish key lacks the scope \`${needs}\`.`);
      }
      const response = await serviceRequest(method, at(path), body, bearer(needs));
      expect(response.status).toBeLessThan(300);
    });
  }
});

test("[promise 5] a batch rejects only the events outside the scopes of the key", async () => {
  const order = await registerOrder();
  const events = [
    { channel: "products", ...inventory },
    { channel: `order_${order}`, ...event },
  ];
  const response = await serviceRequest("POST", "/api/v1/publish/batch", { events }, bearer("orders"));
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    results: [
      { status: "rejected", error: { status: 403, detail: "This publish key lacks the scope `products`." } },
      { status: "applied", seq: 1 },
    ],
  });
});
