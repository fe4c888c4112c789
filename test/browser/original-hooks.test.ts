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

/** The original service's own hook and composable, pasted into pages; only the host's name is the page's own. */

const test = inNode.skipIf(!hasChromium("hooks written for the original service"));
const FRAMEWORKS = ["react", "vue"];
const document = readFileSync(join(import.meta.dirname, "../support/original-pages.md"), "utf8");
const scriptUnder = (heading: string) => {
  const [, script] = new RegExp(`## ${heading}\n\n\`\`\`javascript\n([\\s\\S]*?)\`\`\``).exec(document) ?? [];
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
  // The hook is pasted beside its component, as it is; a page of ours has to import it.
  const pasted = {
    react: `${here(scriptUnder("React hook"))}\nexport { useOrderUpdates };`,
    vue: here(scriptUnder("Vue composable")),
  };
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

const visit = async (name: string, order = "") => site.visit(profile, name, { order, token: await mintToken() });

/** Of the sockets that StrictMode opened only to close them, nothing is left, and in the end of none. */
async function leavesNothing(page: Awaited<ReturnType<typeof visit>>): Promise<void> {
  await eventually(async () => expect(await connections()).toBe(1));
  await page.do("unmount()");
  await eventually(async () => expect(await connections()).toBe(0));
  expect(page.errors).toEqual([]);
}

test("the original React hook shows an order's status, in StrictMode", async () => {
  const order = await registerOrderAt(service.url);
  const page = await visit("original-react", order);
  await page.shows(({ order }) => expect(order).toEqual({ orderStatus: null, connected: true }));
  await publishAll(order);
  await page.shows(({ order }) => expect(order).toEqual({ orderStatus: "processing", connected: true }));
  await leavesNothing(page);
});

test("the original Vue composable shows a product's stock", async () => {
  const page = await visit("original-vue");
  await page.shows(({ products, connected }) =>
    expect({ products, connected }).toEqual({ products: { "p-1": { stock_quantity: 10 } }, connected: true }),
  );
  await publishAll(await registerOrderAt(service.url));
  await page.shows(({ products }) => expect(products).toEqual({ "p-1": { stock_quantity: 5 } }));
  await leavesNothing(page);
});

for (const framework of FRAMEWORKS) {
  describe(framework, () => {
    test("the SDK's hooks take their place with the same arguments", async () => {
      const order = await registerOrderAt(service.url);
      const page = await visit(`sdk-${framework}`, order);
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
