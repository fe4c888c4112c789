import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test as inNode } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { hasChromium } from "./support/chromium.ts";
import { openSite, type Site } from "./support/site.ts";

/** The hooks in a real Chromium: one socket, whatever a framework does with its components. */

const test = inNode.skipIf(!hasChromium("the hooks"));

let service: Workerd;
let site: Site;
let profile: BrowserContext;
beforeAll(async () => {
  [service, site] = await Promise.all([startTidings({ BACKEND_CORS_ORIGINS: "*" }), openSite(["react", "vue"])]);
});
afterAll(() => Promise.all([service?.stop(), site?.stop()]));
beforeEach(async () => {
  profile = await site.profile();
});
afterEach(() => profile.close());

const publish = (path: string, type: string, data: object) =>
  callService(service.url, "POST", `publish/${path}`, { type, data });
const connections = async () => {
  const health = (await (await callService(service.url, "GET", "ws/health")).json()) as { total_connections: number };
  return health.total_connections;
};

for (const framework of ["react", "vue"]) {
  describe(framework, () => {
    const visit = async (settings: Record<string, string>) =>
      site.visit(profile, framework, { url: service.url, token: await mintToken(), ...settings });

    test("two components, mounted twice and rendered often, share one socket and show every event", async () => {
      const order = await registerOrderAt(service.url);
      const page = await visit({ order });
      await page.shows(({ status, order }) => {
        expect(status).toBe("live");
        expect(order).toMatchObject({ status: "pending", payment_status: "pending" });
      });
      await publish(`orders/${order}`, "order_shipped", { carrier: "UPS", tracking_number: "1Z" });
      await page.shows((shown) => {
        expect(shown.order).toMatchObject({ status: "shipped", carrier: "UPS", tracking_number: "1Z" });
        expect(shown).toMatchObject({ second: "shipped", lastSeq: 1, isConnected: true, error: null, sockets: 1 });
      });
      await eventually(async () => expect(await connections()).toBe(1));
      expect(page.errors).toEqual([]);
    });

    test("without an order id there is no socket; with one there is, and after unmounting there is none", async () => {
      const page = await visit({});
      await page.shows(({ status }) => expect(status).toBe("idle"));
      const order = await registerOrderAt(service.url);
      await page.do(`change({ orderId: "${order}" })`);
      await page.shows((shown) => expect(shown).toMatchObject({ status: "live", sockets: 1 }));
      const other = await registerOrderAt(service.url);
      await page.do(`change({ orderId: "${other}" })`);
      await page.shows((shown) => expect(shown.order).toMatchObject({ order_id: other }));
      await eventually(async () => expect(await connections()).toBe(1));
      await page.do("unmount()");
      await eventually(async () => expect(await connections()).toBe(0));
      expect((await page.shown()).sockets).toBe(2);
      expect(page.errors).toEqual([]);
    });

    test("another token of the same user keeps the socket; one that comes after a refusal begins anew", async () => {
      const order = await registerOrderAt(service.url);
      const page = await visit({ order });
      await page.shows(({ status }) => expect(status).toBe("live"));
      await page.do(`change({ token: "${await mintToken({ expiresIn: 900 })}" })`);
      await publish(`orders/${order}`, "order_delivered", {});
      await page.shows(({ order }) => expect(order).toMatchObject({ status: "delivered" }));
      expect((await page.shown()).sockets).toBe(1);

      const expired = await visit({ order, token: await mintToken({ expiresIn: -1 }) });
      await expired.shows((shown) => expect(shown.error).toMatchObject({ code: 4001, userMustAct: true }));
      await expired.do(`change({ token: "${await mintToken()}" })`);
      await expired.shows((shown) => expect(shown).toMatchObject({ status: "live", error: null }));
    });

    test("a restart of the service is bridged", async () => {
      const order = await registerOrderAt(service.url);
      const page = await visit({ order });
      await page.shows(({ status }) => expect(status).toBe("live"));
      await service.restart();
      await publish(`orders/${order}`, "order_cancelled", {});
      await page.shows((shown) => {
        expect(shown.order).toMatchObject({ status: "cancelled" });
        expect(shown).toMatchObject({ status: "live", recovered: true, lastSeq: 1 });
      });
      expect(page.errors).toEqual([]);
    });

    test("products are a map of what events said", async () => {
      const page = await visit({ products: "" });
      await page.shows(({ productsStatus }) => expect(productsStatus).toBe("live"));
      await publish("products", "inventory_updated", { product_id: "p-1", new_quantity: 5 });
      await publish("products", "price_updated", { product_id: "p-1", new_price: 9.99 });
      await publish("products", "price_updated", { product_id: "p-3", new_price: 1 });
      await publish("products", "product_updated", { product_id: "p-2", name: "Mug" });
      await page.shows(({ products }) => expect(products).toMatchObject({ "p-2": { name: "Mug" } }));
      const { products, sockets } = await page.shown();
      expect(products).toMatchObject({ "p-1": { new_quantity: 5, new_price: 9.99 } });
      expect(Object.keys(products as object)).toEqual(["p-1", "p-2"]);
      expect(sockets).toBe(1);
      expect(page.errors).toEqual([]);
    });
  });
}

test("components that Vue replaces find the socket open", async () => {
  const order = await registerOrderAt(service.url);
  const page = await site.visit(profile, "vue", { url: service.url, token: await mintToken(), order });
  await page.shows(({ status }) => expect(status).toBe("live"));
  await page.do("remount()");
  await publish(`orders/${order}`, "order_shipped", {});
  await page.shows(({ order }) => expect(order).toMatchObject({ status: "shipped" }));
  expect((await page.shown()).sockets).toBe(1);
});
