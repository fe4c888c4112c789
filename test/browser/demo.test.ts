import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { EVENTS, type EventType } from "../../src/protocol/events.ts";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import { hasChromium, startChromium } from "./support/chromium.ts";
import { type Credentials, DemoPage, VIEWS } from "./support/demo-page.ts";
import { type DevService, startDevService } from "./support/dev-service.ts";

/** The demo page, end to end: `npm run dev` as it is, in a real Chromium. */

const SLOW = 120_000;
/** Of the page, weighted by the distance. */
const MAX_SHIFT = 0.002;
const ARTEFACTS = join(import.meta.dirname, "artefacts");

describe.skipIf(!hasChromium("the demo page"))("the demo page", () => {
  let service: DevService;
  let browser: Browser;
  const opened: DemoPage[] = [];
  const open = async (held: Credentials = service.credentials, options = {}) => {
    const demo = await DemoPage.open(browser, service.url, held, options);
    opened.push(demo);
    return demo;
  };

  beforeAll(async () => {
    mkdirSync(ARTEFACTS, { recursive: true });
    [service, browser] = await Promise.all([startDevService(), startChromium()]);
  }, SLOW);
  afterEach(async () => {
    for (const demo of opened.splice(0)) await demo.close();
  });
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  }, SLOW);

  test("opens with the address that npm run dev prints, and takes the secrets out of it at once", async () => {
    const demo = await open();
    await demo.isLive("products", "order");
    expect(demo.page.url()).toBe(`${service.url}/#/shop`);
    expect(demo.errors).toEqual([]);
    // A reload finds them; another tab does not.
    await demo.page.reload();
    await demo.isLive("products", "order");
    const { page: other } = await open({});
    expect(await other.textContent("header .pills")).toBe("no token yet");
  });

  test("no address that it loads or calls has a secret, and none is elsewhere", async () => {
    const demo = await open();
    await demo.isLive("products", "order");
    for (const view of VIEWS) await demo.show(view);
    expect(demo.requests.length).toBeGreaterThan(5);
    const { customer, admin, key } = service.credentials;
    const isBad = (address: string) =>
      new URL(address).host !== new URL(service.url).host || [customer, admin, key].some((it) => address.includes(it));
    expect(demo.requests.filter((address) => !address.startsWith("data:")).filter(isBad)).toEqual([]);
  });

  test("shows what other services publish, as it happens, and marks it", async () => {
    const demo = await open();
    await demo.isLive("products");
    const stock = demo.page.locator('[data-product="p-17"] [data-value="quantity"]');
    for (const [old_quantity, new_quantity] of [
      [24, 23],
      [23, 30],
    ]) {
      const response = await fetch(`${service.url}/api/v1/publish/products`, {
        method: "POST",
        headers: { Authorization: `Bearer ${service.credentials.key}`, "Content-Type": "application/json" },
        body: JSON.stringify({ type: "inventory_updated", data: { product_id: "p-17", old_quantity, new_quantity } }),
      });
      expect(response.status).toBe(200);
      await eventually(async () => expect(await stock.textContent()).toBe(String(new_quantity)));
      expect(await stock.getAttribute("class")).toBe(new_quantity === 23 ? "went-down is-new" : "went-up is-new");
    }
    await eventually(async () =>
      expect(await demo.page.textContent("[aria-live]:not(.answer)")).toBe("p-17: stock is 30 (was 23)"),
    );
  });

  test("moves nothing for those who asked for less motion", async () => {
    for (const reducedMotion of ["reduce", "no-preference"] as const) {
      const demo = await open(service.credentials, { reducedMotion });
      await demo.isLive("products");
      await demo.page.click('[data-product="p-17"] button');
      const changed = demo.page.locator('[data-product="p-17"] .went-down.is-new');
      await changed.waitFor();
      const animation = await demo.page.evaluate(
        "getComputedStyle(document.querySelector('[data-product=\"p-17\"] .went-down.is-new')).animationName",
      );
      expect([reducedMotion, animation]).toEqual([reducedMotion, reducedMotion === "reduce" ? "none" : "flash-down"]);
    }
  });

  /** Where each event of the catalogue, published as its example, is seen. The order of the rows matters. */
  const SEEN: Record<EventType, [selector: string, text: string | null]> = {
    order_status_changed: ['[data-fact="Status"]', "processing"],
    payment_status_changed: ['[data-fact="Payment"]', "paid"],
    order_shipped: ['[data-fact="Tracking"]', "1Z999AA10123456784"],
    order_delivered: ['[data-fact="Status"]', "delivered"],
    order_cancelled: ['[data-fact="Status"]', "cancelled"],
    product_created: ['[data-product="p-42"] h2', "Blue mug"],
    product_updated: ['[data-product="p-42"] h2', "Blue mug, 300 ml"],
    product_deleted: ['[data-product="p-42"]', null],
    inventory_updated: ['[data-product="p-42"] [data-value="quantity"]', "5"],
    price_updated: ['[data-product="p-42"] [data-value="price"]', "€9.99"],
    product_status_changed: ['[data-product="p-42"] .stock .muted', "discontinued"],
  };

  test.each(Object.entries(EVENTS))("publishes %s from the panel and shows what becomes of it", async (type, event) => {
    const demo = await open();
    await demo.isLive("products", "order");
    await demo.show(event.channel === "order" ? "order" : "shop");
    expect(await demo.publish(type)).toBe("applied");
    const answer = String(await demo.page.textContent(".answer"));
    expect(answer).toMatch(/seq\d+receivers[1-9]/);
    // The catalogue's keys are its types.
    const [selector, text] = SEEN[type as EventType];
    await eventually(async () => {
      const found = await demo.page.locator(selector).allTextContents();
      expect(found).toEqual(text === null ? [] : [text]);
    });
    if (event.channel === "order") {
      const newest = demo.page.locator(".timeline li").first();
      await eventually(async () => expect(await newest.textContent()).toContain(type));
      expect(answer).toContain(`seq${await newest.locator(".seq").textContent()}`);
    }
    expect(demo.errors).toEqual([]);
  });

  test("a page that is opened later shows the whole timeline and the same board", async () => {
    const demo = await open();
    await eventually(async () =>
      expect(await demo.page.locator('[data-product="p-42"] h2').allTextContents()).toEqual(["Blue mug, 300 ml"]),
    );
    await demo.show("order");
    const seqs = demo.page.locator(".timeline .seq");
    await eventually(async () => expect(await seqs.allTextContents()).toEqual(["5", "4", "3", "2", "1"]));
  });

  test("an admin may look, too, and starts the order over", async () => {
    const demo = await open();
    await demo.isLive("order");
    await demo.show("order");
    await demo.page.selectOption(".inline select", "admin");
    await demo.isLive("order");
    await demo.page.click("text=Start the order over");
    await eventually(async () => expect(await demo.page.textContent('[data-fact="Status"]')).toBe("pending"));
  });

  test("says when an id is known, names a bad field, and gives the same call for a shell without the key", async () => {
    const demo = await open();
    await demo.isLive("products");
    const id = `demo-${Date.now()}`;
    expect(await demo.publish("price_updated", { id })).toBe("applied");
    await demo.page.click(".publisher button[type=submit]");
    await demo.page.waitForSelector('[data-outcome="duplicate"]');

    expect(await demo.publish("inventory_updated", { data: '{"product_id":"p-42","new_quantity":-5}' })).toBe(
      "refused",
    );
    expect(await demo.page.textContent(".answer li code")).toBe("data.new_quantity");
    await demo.page.fill("textarea[name=data]", "{");
    expect(await demo.page.isDisabled(".publisher button[type=submit]")).toBe(true);

    const command = String(await demo.page.textContent(".curl pre"));
    expect(command).toContain(`curl -X POST ${service.url}/api/v1/publish/products`);
    expect(command).not.toContain(service.credentials.key);
  });

  test("a dropped connection comes back, and what happened meanwhile is there once", async () => {
    const demo = await open();
    await demo.isLive("products", "order");
    await demo.show("connections");
    for (const [name, type] of [
      ["Products", "inventory_updated"],
      ["Order", "order_shipped"],
    ] as const) {
      const card = demo.page.locator(`[data-connection="${name}"]`);
      const before = await demo.counts(name);
      const attempts = Number(await card.locator('[data-fact="Attempts"]').textContent());
      await card.getByText("Drop the connection").click();
      await demo.publish(type);
      await eventually(async () => {
        expect(Number(await card.locator('[data-fact="Attempts"]').textContent())).toBeGreaterThan(attempts);
        expect(await card.locator('[data-fact="Recovered"]').textContent()).toBe("yes");
        const expected = Number(before.expected) + 1;
        expect(await demo.counts(name)).toEqual({ received: expected, expected, missed: 0, twice: 0 });
      });
      expect(await card.locator(".last-close").textContent()).toContain("This page broke the connection.");
    }
    expect(demo.errors).toEqual([]);
  });

  test("a while without a network loses nothing and repeats nothing, and the page says so", async () => {
    const demo = await open();
    await demo.isLive("products", "order");
    await demo.show("connections");
    const before = await demo.counts("Products");
    const counts = await demo.noteChanges('[data-connection="Products"] .counts', "data-counts");
    const states = await demo.noteChanges('header .pill[data-channel="products"]', "data-status");
    await demo.page.click("text=Go offline and publish 5");
    await demo.page.waitForSelector('.drill-story[data-stage="recovered"]');
    expect(await states()).toContain("offline");
    // Acknowledged, and not here yet: that is what the counter is for.
    expect((await counts()).map((text) => text.split("/")[2])).toContain("5");
    const expected = Number(before.expected) + 5;
    await eventually(async () =>
      expect(await demo.counts("Products")).toEqual({ received: expected, expected, missed: 0, twice: 0 }),
    );
    expect(await demo.page.textContent(".drill-story")).toContain("All there, once each.");
    expect(demo.errors).toEqual([]);
  });

  test("charts connections, events and latency from the metrics", async () => {
    const demo = await open();
    await demo.isLive("products", "order");
    await demo.page.click("text=Shoppers buy at random");
    await demo.show("operations");
    await eventually(async () => {
      for (const chart of await demo.page.locator(".chart").all()) {
        expect(Number(await chart.getAttribute("data-points"))).toBeGreaterThan(2);
        // uPlot draws on it.
        expect(await chart.locator("canvas").count()).toBe(1);
      }
    });
    await eventually(async () => {
      const figures = await demo.page.locator(".chart li strong").allTextContents();
      expect(figures).toHaveLength(6);
      for (const figure of figures) expect(Number.parseFloat(figure)).toBeGreaterThan(0);
    });
    expect(await demo.page.textContent('[data-fact="Service"]')).toBe("healthy");
    await demo.show("shop");
    const asked = (end: string) => demo.requests.filter((address) => address.endsWith(end)).length;
    const before = asked("/metrics");
    const published = asked("/publish/products");
    // While shoppers bought six more, it would have been asked again.
    await eventually(() => expect(asked("/publish/products")).toBeGreaterThan(published + 6));
    expect(asked("/metrics")).toBe(before);
    expect(demo.errors).toEqual([]);
  });

  test("without credentials it asks for them, says which commands make them, and works with what is pasted", async () => {
    const { order, customer, key } = service.credentials;
    const demo = await open({});
    expect(await demo.page.textContent(".note")).toContain("Nothing is connected");
    await demo.show("access");
    expect(await demo.page.textContent(".access")).toContain("npx tidings token --subject alice");
    await demo.page.getByLabel("Order id").fill(order);
    await demo.page.getByLabel("Customer's token").fill(customer);
    await demo.page.getByLabel("Publish key").fill(key);
    await demo.page.click("text=Use these");
    await demo.isLive("products", "order");
    expect(demo.errors).toEqual([]);
  });

  test("says that a token has run out, and goes on with another one", async () => {
    const { order, key, customer } = service.credentials;
    const demo = await open({ order, key, customer: await mintToken({ expiresIn: -60 }) });
    const note = demo.page.locator("main [role=alert]");
    await note.waitFor();
    expect(await note.textContent()).toContain("Closed with 4001: Token expired");
    expect(await note.textContent()).toContain("npx tidings token --subject alice");
    await note.getByText("Paste another token").click();
    expect(await demo.page.textContent(".access")).toContain("run out at");
    await demo.page.getByLabel("Customer's token").fill(customer);
    await demo.page.click("text=Use these");
    await demo.isLive("products", "order");
  });

  test("a keyboard reaches the view first", async () => {
    const { page } = await open();
    await page.keyboard.press("Tab");
    expect(await page.textContent(":focus")).toBe("Skip to the view");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement?.tagName")).toBe("MAIN");
  });

  const PHONE = { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
  const DESKTOP = { viewport: { width: 1280, height: 860 } };
  describe.each([
    ["phone", PHONE],
    ["desktop", DESKTOP],
  ] as const)("on a %s", (device, size) => {
    test.each(["light", "dark"] as const)(
      "every view can be used by everybody and stays in place, %s",
      async (scheme) => {
        const demo = await open(service.credentials, { ...size, colorScheme: scheme });
        const { page } = demo;
        await demo.isLive("products", "order");
        await page.click("text=Shoppers buy at random");
        const findings: string[] = [];
        for (const view of VIEWS) {
          await demo.show(view);
          // Rates need two looks.
          // A chart of a few looks says more in the picture than one of two.
          const looks = device === "desktop" ? 5 : 2;
          if (view === "operations") await page.waitForSelector(`.chart[data-points="${looks}"] canvas`);
          for (const finding of await demo.seriousFindings()) findings.push(`${view}: ${finding}`);
          const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
          if (overflow !== 0) findings.push(`${view}: ${overflow} px too wide`);
          await page.screenshot({ path: join(ARTEFACTS, `${view}-${device}-${scheme}.png`) });
        }
        expect(findings).toEqual([]);
        expect(demo.errors).toEqual([]);
      },
    );
  });

  test.each([PHONE, DESKTOP])("nothing jumps while it loads, $viewport.width px wide", async (size) => {
    const { page } = await open(service.credentials, size);
    await page.waitForSelector('.pill[data-channel="order"][data-status="live"]');
    const shifts = await page.evaluate(`new Promise((resolve) => {
      const shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
          shifts.push({ value, what: sources.map(({ node }) => (node?.parentElement ?? node)?.outerHTML?.slice(0, 80)) });
        }
      }).observe({ type: "layout-shift", buffered: true });
      // Buffered entries come before the next frame but one.
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(shifts))));
    })`);
    const sum = z
      .array(z.object({ value: z.number() }))
      .parse(shifts)
      .reduce((sum, { value }) => sum + value, 0);
    // Digits that come and go; 0.1 is what counts as good (https://web.dev/articles/cls).
    expect(sum, JSON.stringify(shifts)).toBeLessThan(MAX_SHIFT);
  });
});
