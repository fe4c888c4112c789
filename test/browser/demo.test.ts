import { describe, expect, test } from "vitest";
import type { EventType } from "../../src/protocol/event-data.ts";
import { EVENTS } from "../../src/protocol/events.ts";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import { hasChromium } from "./support/chromium.ts";
import { type DemoFixture, setUpDemo } from "./support/demo-fixture.ts";
import { VIEWS } from "./support/demo-page.ts";

/** The demo page end to end: `npm run dev` in a real Chromium. */

describe.skipIf(!hasChromium("the demo page"))("the demo page", () => {
  const fixture = setUpDemo();
  const open: DemoFixture["open"] = (...page) => fixture.open(...page);

  test("opens with the address that npm run dev prints, and removes the secrets from it", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    expect(demo.page.url()).toBe(`${fixture.service.url}/#/shop`);
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
    const { customer, admin, key } = fixture.service.credentials;
    const isForbidden = (address: string) =>
      new URL(address).host !== new URL(fixture.service.url).host ||
      [customer, admin, key].some((it) => address.includes(it));
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
      const response = await fetch(`${fixture.service.url}/api/v1/publish/products`, {
        method: "POST",
        headers: { Authorization: `Bearer ${fixture.service.credentials.key}`, "Content-Type": "application/json" },
        body: JSON.stringify({ type: "inventory_updated", data: { product_id: "p-17", old_quantity, new_quantity } }),
      });
      expect(response.status).toBe(200);
      await eventually(async () => expect(await stock.textContent()).toBe(String(new_quantity)));
      expect(await stock.getAttribute("class")).toBe(new_quantity === 23 ? "went-down is-new" : "went-up is-new");
    }
    await eventually(async () =>
      expect(await demo.page.textContent(".visually-hidden[role=status]")).toBe("p-17: stock is 30 (was 23)"),
    );
  });

  test("animates nothing when the visitor prefers reduced motion", async () => {
    for (const reducedMotion of ["reduce", "no-preference"] as const) {
      const demo = await open(fixture.service.credentials, { reducedMotion });
      await demo.waitUntilLive("products");
      await demo.page.click('[data-floor="p-17"] button >> nth=0');
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
    order_created: [".timetable li:first-child code", "order_created"],
    order_status_changed: ['[data-fact="Status"]', "processing"],
    payment_status_changed: ['[data-fact="Payment"]', "paid"],
    order_shipped: ['[data-fact="Tracking"]', "1Z999AA10123456784"],
    order_delivered: ['[data-fact="Status"]', "delivered"],
    order_cancelled: ['[data-fact="Status"]', "cancelled"],
    product_created: ['[data-product="p-42"] h3', "Blue mug"],
    product_updated: ['[data-product="p-42"] h3', "Blue mug, 300 ml"],
    product_deleted: ['[data-product="p-42"]', null],
    inventory_updated: ['[data-product="p-42"] [data-value="quantity"]', "5"],
    price_updated: ['[data-product="p-42"] [data-value="price"]', "€9.99"],
    product_status_changed: ['[data-product="p-42"] .stock .muted', "discontinued"],
  };

  test.each(Object.entries(EVENTS))("publishes %s from the form and shows its effect", async (type, event) => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    expect(await demo.publish(type)).toBe("applied");
    const response = String(await demo.page.textContent(".response"));
    await demo.show(event.channel === "order" ? "order" : "shop");
    expect(response).toMatch(/seq\d+receivers[1-9]/);
    // The keys of the catalogue are the event types.
    const [selector, text] = APPEARS_AT[type as EventType];
    await eventually(async () => {
      const found = await demo.page.locator(selector).allTextContents();
      expect(found).toEqual(text === null ? [] : [text]);
    });
    if (event.channel === "order") {
      const newest = demo.page.locator(".timetable li").first();
      await eventually(async () => expect(await newest.textContent()).toContain(type));
      expect(response).toContain(`seq${await newest.locator(".seq").textContent()}`);
    }
    expect(demo.errors).toEqual([]);
  });

  test("a page opened later shows the whole timeline and the same products", async () => {
    const demo = await open();
    await eventually(async () =>
      expect(await demo.page.locator('[data-product="p-42"] h3').allTextContents()).toEqual(["Blue mug, 300 ml"]),
    );
    await demo.show("order");
    const seqs = demo.page.locator(".timetable .seq");
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
    await demo.page.click("text=Start over");
    await eventually(async () => expect(await demo.page.textContent('[data-fact="Status"]')).toBe("pending"));
  });

  test("an order starts over only if the page knows its owner", async () => {
    const { order, admin, key } = fixture.service.credentials;
    const demo = await open({ order, admin, key });
    await demo.waitUntilLive("order");
    await demo.show("order");
    expect(await demo.page.getByRole("button", { name: "Start over", exact: true }).isDisabled()).toBe(true);
    expect(await demo.page.locator(".actions li").last().textContent()).toContain("needs the customer's token");
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

    const command = String(await demo.page.textContent(".code-tabs pre"));
    expect(command).toContain(`curl -X POST ${fixture.service.url}/api/v1/publish/products`);
    expect(command).not.toContain(fixture.service.credentials.key);
  });

  test("a fresh page has made one attempt per connection, and lost none", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    await demo.show("connections");
    for (const name of ["Products", "Order"]) {
      const card = demo.page.locator(`[data-connection="${name}"]`);
      expect(await card.locator('[data-fact="Attempts"]').textContent()).toBe("1");
      expect(await card.locator(".last-close").textContent()).toBe("Last close: none ");
    }
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
      await demo.show("connections");
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

  test("shows since when a connection is open only while it is", async () => {
    const demo = await open();
    await demo.waitUntilLive("products");
    await demo.show("connections");
    const openSince = demo.page.locator('[data-connection="Products"] [data-fact="Open since"]');
    expect(await openSince.textContent()).toMatch(/^\d\d:\d\d:\d\d$/);
    await demo.page.context().setOffline(true);
    await eventually(async () => expect(await openSince.textContent()).toBe("—"));
  });

  test("another order or user starts over with a connection of its own", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    await demo.show("connections");
    const before = await demo.counts("Products");

    // Another way to write the same id.
    await demo.show("access");
    await demo.page.getByLabel("Order id").fill(fixture.service.credentials.order.toUpperCase());
    await demo.page.click("text=Save and connect");
    await demo.waitUntilLive("products", "order");
    await demo.publish("inventory_updated");
    await demo.publish("order_shipped");
    await demo.show("connections");
    const expected = Number(before.expected) + 1;
    await eventually(async () => {
      expect(await demo.counts("Products")).toEqual({ received: expected, expected, missed: 0, duplicates: 0 });
      expect(await demo.counts("Order")).toMatchObject({ missed: 0, duplicates: 0 });
    });

    // Back at the former user while its connection has not closed yet.
    await demo.show("order");
    await demo.page.selectOption(".inline select", "admin");
    await demo.page.selectOption(".inline select", "customer");
    await demo.waitUntilLive("products", "order");
    await demo.publish("inventory_updated");
    await demo.publish("order_shipped");
    await demo.show("connections");
    await eventually(async () => {
      for (const name of ["Products", "Order"] as const) {
        expect(await demo.counts(name)).toMatchObject({ missed: 0, duplicates: 0 });
        const card = demo.page.locator(`[data-connection="${name}"]`);
        expect(await card.locator('[data-fact="Position"]').textContent()).toContain(" : ");
      }
    });
    // The abandoned user's first connection was still opening.
    expect(demo.errors.filter((error) => !error.includes("closed before the connection"))).toEqual([]);
  });

  test("moves as soon as it opens, and measures the round trip of each event", async () => {
    const demo = await open(fixture.service.credentials, { areShoppersOn: true });
    await demo.page.waitForSelector(".latest .trip-time >> nth=2");
    const times = await demo.page.locator(".latest .trip-time").allTextContents();
    for (const time of times) expect(time).toMatch(/^[\d.]+ m?s$/);
    await demo.page.uncheck("text=Simulate shoppers");
    const published = () => demo.requests.filter((address) => address.endsWith("/publish/products")).length;
    const before = published();
    await demo.publish("price_updated");
    expect(published()).toBeLessThanOrEqual(before + 2);
    expect(demo.errors).toEqual([]);
  });

  test("the drill: the connection breaks, five events happen, it resumes, and they fill in", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    const states = await demo.recordChanges('header .pill[data-channel="products"]', "data-status");
    await demo.page.click("text=Break the connection");
    await demo.page.waitForSelector('.slots li[data-kind="waiting"] >> nth=4');
    // The shop floor knows of the sales, the customer does not.
    const stock = async (selector: string) => Number.parseInt(String(await demo.page.textContent(selector)), 10);
    const sold = await stock('[data-floor="p-17"] .stock-figures');
    expect(await stock('[data-product="p-17"] [data-value="quantity"]')).not.toBe(sold);
    await demo.page.waitForSelector('.drill[data-stage="recovered"]');
    await demo.page.waitForSelector('.slots li[data-kind="arrived"] >> nth=4');
    expect(await states()).toContain("offline");
    expect(await stock('[data-product="p-17"] [data-value="quantity"]')).toBe(sold);
    expect(await demo.page.textContent(".drill-report")).toBe(
      "Resumed: 5 of 5 missed events arrived, in order, each exactly once.",
    );
    expect(await demo.page.locator('.trip[data-kind="recovered"]').count()).toBe(5);
    await demo.show("connections");
    expect(await demo.counts("Products")).toMatchObject({ missed: 0, duplicates: 0 });
    expect(demo.errors).toEqual([]);
  });

  test("an order is paid, shipped and delivered with one tap each, or cancelled", async () => {
    const demo = await open();
    const { page } = demo;
    await demo.show("order");
    await demo.waitUntilLive("order");
    const status = page.locator('[data-fact="Status"]');
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    await button("Start over").click();
    await eventually(async () => expect(await status.textContent()).toBe("pending"));
    expect(await button("Ship").isDisabled()).toBe(true);
    for (const [action, steps] of [
      ["Pay", 2],
      ["Ship", 3],
      ["Deliver", 4],
    ] as const) {
      await button(action).click();
      await eventually(async () => expect(await page.locator(".steps li[data-is-done]").count()).toBe(steps));
    }
    expect(await button("Cancel").isDisabled()).toBe(true);
    await button("Start over").click();
    await button("Cancel").click();
    await page.waitForSelector("text=This order was cancelled.");
    expect(await status.textContent()).toBe("cancelled");
    expect(await page.locator(".timetable .trip-time").first().textContent()).toMatch(/^[\d.]+ ms$/);
    expect(demo.errors).toEqual([]);
  });

  test("a refusal says what happened and how to fix it, in every place that publishes", async () => {
    const demo = await open({ ...fixture.service.credentials, key: "not-a-key-of-this-service-0123456789" });
    await demo.waitUntilLive("products", "order");
    const expectRefusal = async () =>
      expect(await demo.page.textContent(".refusal")).toMatch(/401: Publish key required\..*To fix it: Paste one of/s);
    const figures = '[data-floor="p-17"] .stock-figures';
    const before = await demo.page.textContent(figures);
    await demo.page.click('[data-floor="p-17"] button >> nth=0');
    await expectRefusal();
    // The shop floor takes the sale back.
    expect(await demo.page.textContent(figures)).toBe(before);
    await demo.show("order");
    await demo.page.getByRole("button", { name: "Start over", exact: true }).click();
    await expectRefusal();
    expect(await demo.publish("price_updated")).toBe("rejected");
    await expectRefusal();
  });

  test("the simulated shoppers stop at a refusal and show it", async () => {
    const { page } = await open(
      { ...fixture.service.credentials, key: "not-a-key-of-this-service-0123456789" },
      { areShoppersOn: true },
    );
    await page.waitForSelector(".refusal");
    expect(await page.isChecked("text=Simulate shoppers")).toBe(false);
  });

  test("shows the call in three languages and copies it, with the key left out", async () => {
    const demo = await open(fixture.service.credentials, { permissions: ["clipboard-read", "clipboard-write"] });
    await demo.show("publish");
    await demo.page.selectOption("select[name=type]", "order_shipped");
    for (const [language, start] of [
      ["TypeScript", "import { createPublisher }"],
      ["Python", "import os"],
      ["curl", `curl -X POST ${fixture.service.url}/api/v1/publish/orders/${fixture.service.credentials.order}`],
    ] as const) {
      await demo.page.getByRole("tab", { name: language }).click();
      await demo.page.click(".code-tabs .copy");
      await demo.page.waitForSelector("text=Copied");
      const copied = String(await demo.page.evaluate("navigator.clipboard.readText()"));
      expect(copied.slice(0, start.length)).toBe(start);
      expect(copied).toContain("1Z999AA10123456784");
      expect(copied).not.toContain(fixture.service.credentials.key);
    }
    await demo.page.getByRole("tab", { name: "curl" }).press("ArrowRight");
    expect(await demo.page.textContent(":focus")).toBe("TypeScript");
    expect(demo.errors.filter((error) => !error.includes("clipboard"))).toEqual([]);
  });

  test("charts connections, events and latency, and polls only while the view is open", async () => {
    const demo = await open();
    await demo.waitUntilLive("products", "order");
    await demo.page.click("text=Simulate shoppers");
    await demo.show("metrics");
    await eventually(async () => {
      for (const chart of await demo.page.locator(".chart").all()) {
        expect(Number(await chart.getAttribute("data-points"))).toBeGreaterThan(2);
        expect(await chart.locator("svg path[d^=M]").count()).toBe(2);
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
    const { order, customer, key } = fixture.service.credentials;
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
    const { order, key, customer } = fixture.service.credentials;
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
});
