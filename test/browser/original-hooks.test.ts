import { describe, expect, test as inNode } from "vitest";
import { publishAt } from "../sdk/support/listener.ts";
import { eventually } from "../support/eventually.ts";
import { registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { hasChromium } from "./support/chromium.ts";
import { countConnections } from "./support/service.ts";
import { setUpSite } from "./support/site-fixture.ts";

/** The SDK's hooks with the arguments of the original's: `(orderId, token)` and `(token)`, at the page's own origin. */

const test = inNode.skipIf(!hasChromium("hooks with the original's arguments"));
const FRAMEWORKS = ["react", "vue"];

const fixture = setUpSite(
  FRAMEWORKS.map((framework) => `sdk-${framework}`),
  ({ url }) => ({ service: url }),
);

for (const framework of FRAMEWORKS) {
  describe(framework, () => {
    test("the SDK's hooks accept the same arguments", async () => {
      const { url } = fixture.service;
      const order = await registerOrderAt(url);
      const page = await fixture.site.open(fixture.profile, `sdk-${framework}`, { order, token: await mintToken() });
      await page.waitFor((state) => {
        expect(state.order).toMatchObject({ status: "pending" });
        expect(state).toMatchObject({ isConnected: true, hasProducts: true, sockets: 2 });
      });
      await publishAt(url, `orders/${order}`, "order_shipped", { carrier: "UPS", tracking_number: "1Z" });
      await publishAt(url, "products", "inventory_updated", { product_id: "p-1", new_quantity: 5 });
      await publishAt(url, "products", "price_updated", { product_id: "p-1", new_price: 9.99 });
      await page.waitFor((state) => {
        expect(state.order).toMatchObject({ status: "shipped", carrier: "UPS", tracking_number: "1Z" });
        expect(state.products).toMatchObject({ "p-1": { new_quantity: 5, new_price: 9.99 } });
      });
      await page.call("unmount()");
      await eventually(async () => expect(await countConnections(url)).toBe(0));
      expect(page.errors).toEqual([]);
    });
  });
}
