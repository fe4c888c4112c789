import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test as inNode } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { hasChromium } from "./support/chromium.ts";
import { openSite, type Site } from "./support/site.ts";

/** Hooks written for the original service, pasted into pages; only the host's name is the page's own. */

const test = inNode.skipIf(!hasChromium("hooks written for the original service"));
const FRAMEWORKS = ["react", "vue"];
const document = readFileSync(join(import.meta.dirname, "../support/original-pages.md"), "utf8");
const scriptUnder = (heading: string) => {
  const [, script] = new RegExp(`## ${heading}\n\n\`\`\`jsx?\n([\\s\\S]*?)\`\`\``).exec(document) ?? [];
  if (script === undefined) throw new Error(`there is no script under ${heading}`);
  return script;
};

let service: Workerd;
let site: Site;
let profile: BrowserContext;
beforeAll(async () => {
  service = await startTidings({ BACKEND_CORS_ORIGINS: "*" });
  const { host } = new URL(service.url);
  const here = (script: string) => script.replaceAll("localhost:8000", host);
  const pages = FRAMEWORKS.flatMap((framework) => [`original-${framework}`, `sdk-${framework}`]);
  const pasted = { react: here(scriptUnder("React hooks")), vue: here(scriptUnder("Vue composables")) };
  site = await openSite(pages, { service: service.url, pasted });
});
afterAll(() => Promise.all([service?.stop(), site?.stop()]));
beforeEach(async () => {
  profile = await site.profile();
});
afterEach(() => profile?.close());

const publish = (path: string, type: string, data: object) =>
  callService(service.url, "POST", `publish/${path}`, { type, data });
const connections = async () => {
  const health = (await (await callService(service.url, "GET", "ws/health")).json()) as { total_connections: number };
  return health.total_connections;
};
/** What the shop's services publish of the order and of a product. */
async function publishAll(order: string): Promise<void> {
  await publish(`orders/${order}`, "order_status_changed", { old_status: "pending", new_status: "processing" });
  await publish(`orders/${order}`, "order_shipped", { carrier: "UPS", tracking_number: "1Z" });
  await publish("products", "inventory_updated", { product_id: "p-1", old_quantity: 10, new_quantity: 5 });
  await publish("products", "price_updated", { product_id: "p-1", old_price: 12.5, new_price: 9.99 });
}

for (const framework of FRAMEWORKS) {
  describe(framework, () => {
    const visit = async (name: string, order: string) =>
      site.visit(profile, `${name}-${framework}`, { order, token: await mintToken() });

    test("the original hooks show an order and products, and leave nothing behind", async () => {
      const order = await registerOrderAt(service.url);
      const page = await visit("original", order);
      await page.shows((shown) => {
        expect(shown.order).toEqual({ orderStatus: "pending", shipping: null, isConnected: true });
        expect(shown.hasProducts).toBe(true);
      });
      await publishAll(order);
      await page.shows((shown) => {
        expect(shown.order).toMatchObject({
          orderStatus: "processing",
          shipping: { carrier: "UPS", tracking_number: "1Z" },
          isConnected: true,
        });
        expect(shown.products).toEqual({ "p-1": { quantity: 5, price: 9.99 } });
      });
      // Of those that StrictMode opened only to close them, nothing is left.
      await eventually(async () => expect(await connections()).toBe(2));
      await page.do("unmount()");
      await eventually(async () => expect(await connections()).toBe(0));
      expect(page.errors).toEqual([]);
    });

    test("the SDK's hooks take their place with the same arguments", async () => {
      const order = await registerOrderAt(service.url);
      const page = await visit("sdk", order);
      await page.shows((shown) => {
        expect(shown.order).toMatchObject({ status: "pending" });
        expect(shown).toMatchObject({ isConnected: true, hasProducts: true, sockets: 2 });
      });
      await publishAll(order);
      await page.shows((shown) => {
        expect(shown.order).toMatchObject({ status: "shipped", carrier: "UPS", tracking_number: "1Z" });
        expect(shown.products).toMatchObject({ "p-1": { new_quantity: 5, new_price: 9.99 } });
      });
      await page.do("unmount()");
      await eventually(async () => expect(await connections()).toBe(0));
      expect(page.errors).toEqual([]);
    });
  });
}
