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

/** The demo page end to end: `npm run dev` in a real Chromium. */

const SETUP_TIMEOUT_MS = 120_000;
/** Sum of layout shift scores. Only changing digits may shift; below 0.1 counts as good (https://web.dev/articles/cls). */
const MAX_LAYOUT_SHIFT = 0.002;
const SCREENSHOTS = join(import.meta.dirname, "artefacts");

describe.skipIf(!hasChromium("the demo page"))("the demo page", () => {
  let service: DevService;
  let browser: Browser;
  const opened: DemoPage[] = [];
  const open = async (credentials: Credentials = service.credentials, options = {}) => {
    const demo = await DemoPage.open(browser, service.url, credentials, options);
    opened.push(demo);
    return demo;
  };

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    [service, browser] = await Promise.all([startDevService(), startChromium()]);
  }, SETUP_TIMEOUT_MS);
  afterEach(async () => {
    for (const demo of opened.splice(0)) await demo.close();
  });
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  }, SETUP_TIMEOUT_MS);

  test("opens with the address that npm run dev prints, and removes the secrets from it", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    expect(demo.page.url()).toBe(`${service.url}/#/shop`);
    expect(demo.errors).toEqual([]);
    // The credentials survive a reload, but no other tab sees them.
    await demo.page.reload();
    await demo.waitUntilLive("products", "order");
    const { page: other } = await open({});
    expect(await other.textContent("header .pills")).toBe("Add a token");
  });

  test("sends every request to the service itself, with no secret in a URL", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    for (const view of VIEWS) await demo.show(view);
    expect(demo.requests.length).toBeGreaterThan(5);
    const { customer, admin, key } = service.credentials;
    const isForbidden = (address: string) =>
      new URL(address).host !== new URL(service.url).host || [customer, admin, key].some((it) => address.includes(it));
    expect(demo.requests.filter((address) => !address.startsWith("data:")).filter(isForbidden)).toEqual([]);
  });

  test("shows and highlights what other services publish", async () => {
    const demo = await open();
    await demo.waitUntilLive("products");
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
      expect(await demo.page.textContent("[aria-live]:not(.response)")).toBe("p-17: stock is 30 (was 23)"),
    );
  });

  test("animates nothing when the visitor prefers reduced motion", async () => {
    for (const reducedMotion of ["reduce", "no-preference"] as const) {
      const demo = await open(service.credentials, { reducedMotion });
      await demo.waitUntilLive("products");
      await demo.page.click('[data-product="p-17"] button');
      const changed = demo.page.locator('[data-product="p-17"] .went-down.is-new');
      await changed.waitFor();
      const animation = await demo.page.evaluate(
        "getComputedStyle(document.querySelector('[data-product=\"p-17\"] .went-down.is-new')).animationName",
      );
      expect([reducedMotion, animation]).toEqual([reducedMotion, reducedMotion === "reduce" ? "none" : "flash-down"]);
    }
  });

  /** Where the example of each event type appears. The tests run in this order and build on each other. */
  const APPEARS_AT: Record<EventType, [selector: string, text: string | null]> = {
    order_created: [".timeline li:first-child code", "order_created"],
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

  test.each(Object.entries(EVENTS))("publishes %s from the form and shows its effect", async (type, event) => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    await demo.show(event.channel === "order" ? "order" : "shop");
    expect(await demo.publish(type)).toBe("applied");
    const response = String(await demo.page.textContent(".response"));
    expect(response).toMatch(/seq\d+receivers[1-9]/);
    // The keys of the catalogue are the event types.
    const [selector, text] = APPEARS_AT[type as EventType];
    await eventually(async () => {
      const found = await demo.page.locator(selector).allTextContents();
      expect(found).toEqual(text === null ? [] : [text]);
    });
    if (event.channel === "order") {
      const newest = demo.page.locator(".timeline li").first();
      await eventually(async () => expect(await newest.textContent()).toContain(type));
      expect(response).toContain(`seq${await newest.locator(".seq").textContent()}`);
    }
    expect(demo.errors).toEqual([]);
  });

  test("a page opened later shows the whole timeline and the same products", async () => {
    const demo = await open();
    await eventually(async () =>
      expect(await demo.page.locator('[data-product="p-42"] h2').allTextContents()).toEqual(["Blue mug, 300 ml"]),
    );
    await demo.show("order");
    const seqs = demo.page.locator(".timeline .seq");
    const orderEvents = Object.values(EVENTS).filter(({ channel }) => channel === "order");
    const newestFirst = orderEvents.map((_, i) => String(orderEvents.length - i));
    await eventually(async () => expect(await seqs.allTextContents()).toEqual(newestFirst));
  });

  test("an admin can listen, too, and resets the order", async () => {
    const demo = await open();
    await demo.waitUntilLive("order");
    await demo.show("order");
    await demo.page.selectOption(".inline select", "admin");
    await demo.waitUntilLive("order");
    await demo.page.click("text=Reset the order");
    await eventually(async () => expect(await demo.page.textContent('[data-fact="Status"]')).toBe("pending"));
  });

  test("reports a duplicate, names an invalid field, and shows the curl command without the key", async () => {
    const demo = await open();
    await demo.waitUntilLive("products");
    const id = `demo-${Date.now()}`;
    expect(await demo.publish("price_updated", { id })).toBe("applied");
    await demo.page.click(".publish-form button[type=submit]");
    await demo.page.waitForSelector('[data-outcome="duplicate"]');

    expect(await demo.publish("inventory_updated", { data: '{"product_id":"p-42","new_quantity":-5}' })).toBe(
      "rejected",
    );
    expect(await demo.page.textContent(".response li code")).toBe("data.new_quantity");
    await demo.page.fill("textarea[name=data]", "{");
    expect(await demo.page.isDisabled(".publish-form button[type=submit]")).toBe(true);

    const command = String(await demo.page.textContent(".curl pre"));
    expect(command).toContain(`curl -X POST ${service.url}/api/v1/publish/products`);
    expect(command).not.toContain(service.credentials.key);
  });

  test("a dropped connection reconnects and receives every event once", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    await demo.show("connections");
    for (const [name, type] of [
      ["Products", "inventory_updated"],
      ["Order", "order_shipped"],
    ] as const) {
      const card = demo.page.locator(`[data-connection="${name}"]`);
      const before = await demo.counts(name);
      const attempts = Number(await card.locator('[data-fact="Attempts"]').textContent());
      await card.getByText("Drop connection").click();
      await demo.publish(type);
      await eventually(async () => {
        expect(Number(await card.locator('[data-fact="Attempts"]').textContent())).toBeGreaterThan(attempts);
        expect(await card.locator('[data-fact="Recovered"]').textContent()).toBe("yes");
        const expected = Number(before.expected) + 1;
        expect(await demo.counts(name)).toEqual({ received: expected, expected, missed: 0, duplicates: 0 });
      });
      expect(await card.locator(".last-close").textContent()).toContain("This page dropped the connection.");
    }
    expect(demo.errors).toEqual([]);
  });

  test("an outage misses and repeats no event, and the page shows that", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    await demo.show("connections");
    const before = await demo.counts("Products");
    const counts = await demo.recordChanges('[data-connection="Products"] .counts', "data-counts");
    const states = await demo.recordChanges('header .pill[data-channel="products"]', "data-status");
    await demo.page.click("text=Go offline and publish 5 events");
    await demo.page.waitForSelector('.drill-report[data-stage="recovered"]');
    expect(await states()).toContain("offline");
    // The counter includes acknowledged events that have not arrived.
    expect((await counts()).map((text) => text.split("/")[2])).toContain("5");
    const expected = Number(before.expected) + 5;
    await eventually(async () =>
      expect(await demo.counts("Products")).toEqual({ received: expected, expected, missed: 0, duplicates: 0 }),
    );
    expect(await demo.page.textContent(".drill-report")).toContain("Every event arrived exactly once.");
    expect(demo.errors).toEqual([]);
  });

  test("charts connections, events and latency, and polls only while the view is open", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    await demo.page.click("text=Simulate shoppers");
    await demo.show("metrics");
    await eventually(async () => {
      for (const chart of await demo.page.locator(".chart").all()) {
        expect(Number(await chart.getAttribute("data-points"))).toBeGreaterThan(2);
        // Drawn by uPlot.
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
    const requestsTo = (path: string) => demo.requests.filter((address) => address.endsWith(path)).length;
    const before = requestsTo("/metrics");
    const published = requestsTo("/publish/products");
    // Six more purchases take longer than a polling interval.
    await eventually(() => expect(requestsTo("/publish/products")).toBeGreaterThan(published + 6));
    expect(requestsTo("/metrics")).toBe(before);
    expect(demo.errors).toEqual([]);
  });

  test("asks for missing credentials, shows the commands that create them, and connects with what is pasted", async () => {
    const { order, customer, key } = service.credentials;
    const demo = await open({});
    expect(await demo.page.textContent(".note")).toContain("Not connected");
    await demo.show("access");
    expect(await demo.page.textContent(".access")).toContain("npx tidings token --subject alice");
    await demo.page.getByLabel("Order id").fill(order);
    await demo.page.getByLabel("Customer token").fill(customer);
    await demo.page.getByLabel("Publish key").fill(key);
    await demo.page.click("text=Save and connect");
    await demo.waitUntilLive("products", "order");
    expect(demo.errors).toEqual([]);
  });

  test("reports an expired token and connects with a new one", async () => {
    const { order, key, customer } = service.credentials;
    const demo = await open({ order, key, customer: await mintToken({ expiresIn: -60 }) });
    const note = demo.page.locator("main [role=alert]");
    await note.waitFor();
    expect(await note.textContent()).toContain("Closed with 4001: Token expired");
    expect(await note.textContent()).toContain("npx tidings token --subject alice");
    await note.getByText("Paste a new token").click();
    expect(await demo.page.textContent(".access")).toContain("expired at");
    await demo.page.getByLabel("Customer token").fill(customer);
    await demo.page.click("text=Save and connect");
    await demo.waitUntilLive("products", "order");
  });

  test("the first Tab stop skips to the content", async () => {
    const { page } = await open();
    await page.keyboard.press("Tab");
    expect(await page.textContent(":focus")).toBe("Skip to content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement?.tagName")).toBe("MAIN");
  });

  const PHONE = { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
  const DESKTOP = { viewport: { width: 1280, height: 860 } };
  describe.each([
    ["phone", PHONE],
    ["desktop", DESKTOP],
  ] as const)("on a %s", (device, size) => {
    test.each(["light", "dark"] as const)("every view is accessible and fits the screen, %s", async (scheme) => {
      const demo = await open(service.credentials, { ...size, colorScheme: scheme });
      const { page } = demo;
      await demo.waitUntilLive("products", "order");
      await page.click("text=Simulate shoppers");
      const findings: string[] = [];
      for (const view of VIEWS) {
        await demo.show(view);
        // Rates need two points; more make a better screenshot.
        const points = device === "desktop" ? 5 : 2;
        if (view === "metrics") await page.waitForSelector(`.chart[data-points="${points}"] canvas`);
        if (view === "publish") await page.click(".curl summary");
        for (const violation of await demo.seriousViolations()) findings.push(`${view}: ${violation}`);
        const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        if (overflow !== 0) findings.push(`${view}: ${overflow} px too wide`);
        await page.screenshot({ path: join(SCREENSHOTS, `${view}-${device}-${scheme}.png`) });
      }
      expect(findings).toEqual([]);
      expect(demo.errors).toEqual([]);
    });
  });

  test.each([PHONE, DESKTOP])("the layout does not shift while it loads, $viewport.width px wide", async (size) => {
    const { page } = await open(service.credentials, size);
    await page.waitForSelector('.pill[data-channel="order"][data-status="live"]');
    const shifts = await page.evaluate(`new Promise((resolve) => {
      const shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
          shifts.push({ value, what: sources.map(({ node }) => (node?.parentElement ?? node)?.outerHTML?.slice(0, 80)) });
        }
      }).observe({ type: "layout-shift", buffered: true });
      // Buffered entries arrive within two frames.
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(shifts))));
    })`);
    const sum = z
      .array(z.object({ value: z.number() }))
      .parse(shifts)
      .reduce((sum, { value }) => sum + value, 0);
    expect(sum, JSON.stringify(shifts)).toBeLessThan(MAX_LAYOUT_SHIFT);
  });
});
