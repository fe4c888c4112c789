import { describe, expect, test as inNode } from "vitest";
import { publishAt } from "../sdk/support/listener.ts";
import { eventually } from "../support/eventually.ts";
import { registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { hasChromium } from "./support/chromium.ts";
import { countConnections } from "./support/service.ts";
import { waitUntilLive } from "./support/site.ts";
import { setUpSite } from "./support/site-fixture.ts";

/** The hooks in a real Chromium: components share one socket, however a framework mounts and renders them. */

const test = inNode.skipIf(!hasChromium("the hooks"));

const fixture = setUpSite(["react", "vue"]);
const open = async (framework: string, settings: Record<string, string>) =>
  fixture.site.open(fixture.profile, framework, { url: fixture.service.url, token: await mintToken(), ...settings });
const publish = (path: string, type: string, data: object) => publishAt(fixture.service.url, path, type, data);
const registerOrder = () => registerOrderAt(fixture.service.url);
const expectConnections = (count: number) =>
  eventually(async () => expect(await countConnections(fixture.service.url)).toBe(count));

for (const framework of ["react", "vue"]) {
  describe(framework, () => {
    test("two components that mount twice and render often share one socket and show every event", async () => {
      const order = await registerOrder();
      const page = await open(framework, { order });
      await page.waitFor(({ status, order }) => {
        expect(status).toBe("live");
        expect(order).toMatchObject({ status: "pending", payment_status: "pending" });
      });
      await publish(`orders/${order}`, "order_shipped", { carrier: "UPS", tracking_number: "1Z" });
      await page.waitFor((state) => {
        expect(state.order).toMatchObject({ status: "shipped", carrier: "UPS", tracking_number: "1Z" });
        expect(state).toMatchObject({ second: "shipped", lastSeq: 1, isConnected: true, error: null, sockets: 1 });
      });
      await expectConnections(1);
      expect(page.errors).toEqual([]);
    });

    test("a socket opens with an order id, moves to another one, and closes on unmount", async () => {
      const page = await open(framework, {});
      await page.waitFor(({ status }) => expect(status).toBe("idle"));
      const order = await registerOrder();
      await page.call(`change({ orderId: "${order}" })`);
      await page.waitFor((state) => expect(state).toMatchObject({ status: "live", sockets: 1 }));
      const other = await registerOrder();
      await page.call(`change({ orderId: "${other}" })`);
      await page.waitFor((state) => expect(state.order).toMatchObject({ order_id: other }));
      await expectConnections(1);
      await page.call("unmount()");
      await expectConnections(0);
      expect((await page.state()).sockets).toBe(2);
      expect(page.errors).toEqual([]);
    });

    test("a new token of the same user keeps the socket; a new token after a rejection reconnects", async () => {
      const order = await registerOrder();
      const page = await open(framework, { order });
      await waitUntilLive(page);
      await page.call(`change({ token: "${await mintToken({ expiresIn: 900 })}" })`);
      await publish(`orders/${order}`, "order_delivered", {});
      await page.waitFor(({ order }) => expect(order).toMatchObject({ status: "delivered" }));
      expect((await page.state()).sockets).toBe(1);

      const expired = await open(framework, { order, token: await mintToken({ expiresIn: -1 }) });
      await expired.waitFor((state) => expect(state.error).toMatchObject({ code: 4001, userMustAct: true }));
      await expired.call(`change({ token: "${await mintToken()}" })`);
      await expired.waitFor((state) => expect(state).toMatchObject({ status: "live", error: null }));
    });

    test("a restart of the service is recovered", async () => {
      const order = await registerOrder();
      const page = await open(framework, { order });
      await waitUntilLive(page);
      await fixture.service.restart();
      await publish(`orders/${order}`, "order_cancelled", {});
      await page.waitFor((state) => {
        expect(state.order).toMatchObject({ status: "cancelled" });
        expect(state).toMatchObject({ status: "live", recovered: true, lastSeq: 1 });
      });
      expect(page.errors).toEqual([]);
    });

    test("products merge the events of each requested product", async () => {
      const page = await open(framework, { products: "" });
      await page.waitFor(({ productsState }) => expect(productsState).toBe("live"));
      await publish("products", "inventory_updated", { product_id: "p-1", new_quantity: 5 });
      await publish("products", "price_updated", { product_id: "p-1", new_price: 9.99 });
      await publish("products", "price_updated", { product_id: "p-3", new_price: 1 });
      await publish("products", "product_updated", { product_id: "p-2", name: "Mug" });
      await page.waitFor(({ products }) => expect(products).toMatchObject({ "p-2": { name: "Mug" } }));
      const { products, sockets } = await page.state();
      expect(products).toMatchObject({ "p-1": { new_quantity: 5, new_price: 9.99 } });
      expect(Object.keys(products as object)).toEqual(["p-1", "p-2"]);
      expect(sockets).toBe(1);
      expect(page.errors).toEqual([]);
    });
  });
}

test("components that Vue remounts reuse the open socket", async () => {
  const order = await registerOrder();
  const page = await open("vue", { order });
  await waitUntilLive(page);
  await page.call("remount()");
  await publish(`orders/${order}`, "order_shipped", {});
  await page.waitFor(({ order }) => expect(order).toMatchObject({ status: "shipped" }));
  expect((await page.state()).sockets).toBe(1);
});
