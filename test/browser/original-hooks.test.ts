import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as inNode } from "vitest";
import { publishAt } from "../sdk/support/listener.ts";
import { eventually } from "../support/eventually.ts";
import { registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { hasChromium } from "./support/chromium.ts";
import { countConnections } from "./support/service.ts";
import type { SitePage } from "./support/site.ts";
import { setUpSite } from "./support/site-fixture.ts";

/** The original service's React hook and Vue composable run unchanged, except for the host name. */

const test = inNode.skipIf(!hasChromium("hooks written for the original service"));
const FRAMEWORKS = ["react", "vue"];
const document = readFileSync(join(import.meta.dirname, "../support/original-pages.md"), "utf8");
const scriptUnder = (heading: string) => {
  const [, script] = new RegExp(`## ${heading}\n\n\`\`\`javascript\n([\\s\\S]*?)\`\`\``).exec(document) ?? [];
  if (script === undefined) throw new Error(`there is no script under ${heading}`);
  return script;
};

const fixture = setUpSite(
  FRAMEWORKS.flatMap((framework) => [`original-${framework}`, `sdk-${framework}`]),
  ({ url }) => {
    const withHost = (script: string) => script.replaceAll("localhost:8000", new URL(url).host);
    return {
      service: url,
      pasted: {
        // The original pastes the hook next to its component; the test page imports it.
        react: `${withHost(scriptUnder("React hook"))}\nexport { useOrderUpdates };`,
        vue: withHost(scriptUnder("Vue composable")),
      },
    };
  },
);

const open = async (name: string, order = "") =>
  fixture.site.open(fixture.profile, name, { order, token: await mintToken() });

/** Publishes the events of an order and a product that the pages show. */
async function publishEvents(order: string): Promise<void> {
  const { url } = fixture.service;
  await publishAt(url, `orders/${order}`, "order_status_changed", { old_status: "pending", new_status: "processing" });
  await publishAt(url, `orders/${order}`, "order_shipped", { carrier: "UPS", tracking_number: "1Z" });
  await publishAt(url, "products", "inventory_updated", { product_id: "p-1", old_quantity: 10, new_quantity: 5 });
  await publishAt(url, "products", "price_updated", { product_id: "p-1", old_price: 12.5, new_price: 9.99 });
}

/** Expects that unmounting closes every socket and that the page logged no error. */
async function expectCleanUnmount(page: SitePage): Promise<void> {
  await page.call("unmount()");
  await eventually(async () => expect(await countConnections(fixture.service.url)).toBe(0));
  expect(page.errors).toEqual([]);
}

/** Expects that the sockets that StrictMode opened and closed again are gone. */
const expectOneConnection = () => eventually(async () => expect(await countConnections(fixture.service.url)).toBe(1));

test("the original React hook shows an order's status in StrictMode", async () => {
  const order = await registerOrderAt(fixture.service.url);
  const page = await open("original-react", order);
  await page.waitFor(({ order }) => expect(order).toEqual({ orderStatus: null, connected: true }));
  await publishEvents(order);
  await page.waitFor(({ order }) => expect(order).toEqual({ orderStatus: "processing", connected: true }));
  await expectOneConnection();
  await expectCleanUnmount(page);
});

test("the original Vue composable shows a product's stock", async () => {
  const page = await open("original-vue");
  await page.waitFor(({ products, connected }) =>
    expect({ products, connected }).toEqual({ products: { "p-1": { stock_quantity: 10 } }, connected: true }),
  );
  await publishEvents(await registerOrderAt(fixture.service.url));
  await page.waitFor(({ products }) => expect(products).toEqual({ "p-1": { stock_quantity: 5 } }));
  await expectOneConnection();
  await expectCleanUnmount(page);
});

for (const framework of FRAMEWORKS) {
  describe(framework, () => {
    test("the SDK's hooks accept the same arguments", async () => {
      const order = await registerOrderAt(fixture.service.url);
      const page = await open(`sdk-${framework}`, order);
      await page.waitFor((state) => {
        expect(state.order).toMatchObject({ status: "pending" });
        expect(state).toMatchObject({ isConnected: true, hasProducts: true, sockets: 2 });
      });
      await publishEvents(order);
      await page.waitFor((state) => {
        expect(state.order).toMatchObject({ status: "shipped", carrier: "UPS", tracking_number: "1Z" });
        expect(state.products).toMatchObject({ "p-1": { new_quantity: 5, new_price: 9.99 } });
      });
      await expectCleanUnmount(page);
    });
  });
}
