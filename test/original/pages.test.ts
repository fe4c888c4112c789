import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hasChromium } from "../browser/support/chromium.ts";
import { openSite, type PageState, type Site, type SitePage } from "../browser/support/site.ts";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import { withoutAdded } from "./client.ts";
import { codeUnder } from "./documentation.ts";
import { canRunSideBySide, ORDER, SideBySide } from "./side-by-side.ts";

/**
 * The original's pages and publishers, unchanged: a page shows and receives the same from the original service and from
 * Tidings, and only its host name differs.
 */

const UNTESTED = "pages and publishers of the original";
const canRun = [hasChromium(UNTESTED), canRunSideBySide(UNTESTED)].every(Boolean);

/** The programs' names for what they publish about. */
const SHOP = `
from datetime import datetime
from types import SimpleNamespace
from app.orders import save_order
order = SimpleNamespace(id="${ORDER}")
product = SimpleNamespace(id="p-1", sku="MUG-BLUE")
`;

const STATUS = `save_order(order.id, "alice", "shipped")\n${codeUnder("Order service")}`;
const STOCK = codeUnder("Product service");
const SHIPMENT = `
from app.api.ws import publish_order_update
await publish_order_update(order.id, "order_shipped", {"carrier": "UPS", "tracking_number": "1Z999", "order_id": order.id})
`;
const PRICE = `
from app.api.ws import publish_product_update
await publish_product_update("price_updated", {"product_id": product.id, "old_price": 12.5, "new_price": 9.99})
`;

describe.skipIf(!canRun)("shows the same with another host name:", () => {
  let services: SideBySide;
  let sites: Site[];
  let profiles: BrowserContext[];

  beforeAll(async () => {
    services = await SideBySide.start({ BACKEND_CORS_ORIGINS: "*" });
    sites = await Promise.all(Object.values(services.urls).map(openShop));
  });
  afterAll(async () => {
    await Promise.all(sites?.map((site) => site.stop()) ?? []);
    await services?.stop();
  });
  beforeEach(async () => {
    profiles = await Promise.all(sites.map((site) => site.newProfile()));
  });
  afterEach(() => Promise.all(profiles.map((profile) => profile.close())));

  /** Opens a page of the shop once with each host name. */
  const open = async (name: string, script: string, token?: string): Promise<SitePage[]> => {
    const settings = { script, order: ORDER, token: token ?? (await mintToken()) };
    return Promise.all(sites.map((site, i) => site.open(profiles[i] as BrowserContext, name, settings)));
  };
  const publish = (program: string) => services.original.run(SHOP + program);
  /** Expects both pages to show this, after receiving the same messages. */
  const expectSame = async (pages: SitePage[], shown: object): Promise<void> => {
    const states = await Promise.all(pages.map((page) => page.waitFor((state) => expect(state).toMatchObject(shown))));
    const [original, tidings] = states.map(receivedIn);
    expect(tidings).toEqual(original);
    expect(pages.flatMap(({ errors }) => errors)).toEqual([]);
  };

  test("an order's status and shipment", async () => {
    const pages = await open("original-script", "order");
    await expectSame(pages, { received: [expect.anything()] });
    await publish(STATUS + SHIPMENT);
    const shipping = { order_id: ORDER, carrier: "UPS", tracking_number: "1Z999" };
    await expectSame(pages, { order: "shipped", shipping });
  });

  test("stock and prices", async () => {
    const pages = await open("original-script", "products");
    await expectSame(pages, { received: [expect.anything()] });
    await publish(STOCK + PRICE);
    await expectSame(pages, { "stock of p-1": 5, "price of p-1": 9.99 });
  });

  test("the React hook, in StrictMode, which closes its sockets when it unmounts", async () => {
    const pages = await open("original-react", "");
    await expectSame(pages, { order: { orderStatus: null, connected: true }, received: expect.anything() });
    await publish(STATUS);
    await expectSame(pages, { order: { orderStatus: "shipped", connected: true } });
    await expectUnmount(pages);
  });

  test("the Vue composable, which closes its socket when it unmounts", async () => {
    const pages = await open("original-vue", "");
    await expectSame(pages, {
      products: { "p-1": { stock_quantity: 10 } },
      connected: true,
      received: [expect.anything()],
    });
    await publish(STOCK);
    await expectSame(pages, { products: { "p-1": { stock_quantity: 5 } } });
    await expectUnmount(pages);
  });

  test("a customer whose token has expired is sent to the login page", async () => {
    for (const { page } of await open("original-script", "order", await mintToken({ expiresIn: -60 }))) {
      await page.waitForURL("**/login");
    }
  });

  test("a page reconnects after the service restarted, and shows the order as it is now", async () => {
    await Promise.all(profiles.map((profile) => profile.clock.install()));
    const pages = await open("original-script", "order");
    await expectSame(pages, { received: [expect.anything()] });
    // A page that reconnected after 5 real seconds could receive the event as well.
    await Promise.all(profiles.map((profile) => profile.clock.pauseAt(Date.now() + 60_000)));
    await Promise.all([services.original.restart(), services.tidings.service.restart()]);
    await publish(STATUS);
    await Promise.all(profiles.map((profile) => profile.clock.fastForward(5000)));
    // A page that notices its lost connection only now waits 5 real seconds.
    await Promise.all(profiles.map((profile) => profile.clock.resume()));
    await expectSame(pages, {
      sockets: RECONNECTED,
      received: [expect.anything(), expect.stringContaining('"shipped"')],
    });
  });

  test("a page with a heartbeat is alive, and reconnects", async () => {
    await Promise.all(profiles.map((profile) => profile.clock.install()));
    const pages = await open("original-script", "heartbeat");
    await expectSame(pages, { connection: "connected" });
    await Promise.all(profiles.map((profile) => profile.clock.fastForward(30_000)));
    await expectSame(pages, { connection: "alive" });
    await Promise.all([services.original.restart(), services.tidings.service.restart()]);
    await Promise.all(profiles.map((profile) => profile.clock.fastForward(5000)));
    await expectSame(pages, { connection: "connected", sockets: RECONNECTED });
    await publish(STOCK);
    await expectSame(pages, { "stock of p-1": 5 });
  });

  const expectUnmount = async (pages: SitePage[]): Promise<void> => {
    for (const page of pages) await page.call("unmount()");
    await eventually(async () => {
      for (const url of Object.values(services.urls)) {
        const { total_connections } = (await (await fetch(`${url}/api/v1/ws/health`)).json()) as {
          total_connections: number;
        };
        expect(total_connections).toBe(0);
      }
    });
  };
});

/** The shop's site with the service's host name in its scripts. */
function openShop(service: string): Promise<Site> {
  const codeOf = (heading: string) =>
    codeUnder(heading)
      .replaceAll("localhost:8000", new URL(service).host)
      .replace('"your_jwt_token"', 'new URLSearchParams(window.location.hash.slice(1)).get("token")');
  return openSite(["original-script", "original-react", "original-vue"], {
    pasted: {
      // The documentation calls it `connectWebSocket` where it reconnects.
      order: `function connectWebSocket() {${codeOf("Order updates")}${codeOf("When something goes wrong")}}\nconnectWebSocket();`,
      products: codeOf("Product updates"),
      heartbeat: codeOf("Page with a heartbeat"),
      // The documentation pastes the hook next to its component; the test page imports it.
      react: `${codeOf("React hook")}\nexport { useOrderUpdates };`,
      vue: codeOf("Vue composable"),
    },
  });
}

/** @returns What a page has received, without what Tidings adds. */
const receivedIn = ({ received }: PageState) => (received as string[]).map(withoutAdded);

/** More sockets than the first: an attempt may fail while the service starts. */
const RECONNECTED = expect.toSatisfy((sockets) => sockets > 1, "more sockets than one");
