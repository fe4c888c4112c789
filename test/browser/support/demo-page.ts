import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { seriousViolations } from "./accessibility.ts";

/** The demo page in Chromium, with its console errors and requests. */

/** How long a click or a selector may take; generous for slow machines. */
const PATIENCE_MS = 120_000;

export const VIEWS = ["shop", "order", "publish", "connections", "metrics", "access"] as const;
export type View = (typeof VIEWS)[number];

export interface Credentials {
  order?: string;
  customer?: string;
  admin?: string;
  key?: string;
}

export interface DemoOptions extends BrowserContextOptions {
  /** Whether the page publishes by itself, as it does for visitors. Default: false. */
  areShoppersOn?: boolean;
  /** Prepares the page before it loads. */
  prepare?: (page: Page) => Promise<void>;
}

export class DemoPage {
  readonly page: Page;
  /** Console errors and warnings, and uncaught exceptions. */
  readonly errors: string[] = [];
  /** URLs of all requests and WebSockets. */
  readonly requests: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", ({ message }) => this.errors.push(message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.errors.push(message.text());
    });
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("websocket", (socket) => this.requests.push(socket.url()));
  }

  static async open(
    browser: Browser,
    url: string,
    credentials: Credentials,
    { areShoppersOn = false, prepare = async () => {}, ...options }: DemoOptions = {},
  ): Promise<DemoPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    // On a busy machine, the charts and animations of this page leave Playwright waiting for frames.
    context.setDefaultTimeout(PATIENCE_MS);
    // Tests publish their own events.
    if (!areShoppersOn) await context.addInitScript('sessionStorage.setItem("tidings-demo:shoppers", "off")');
    const demo = new DemoPage(await context.newPage());
    await prepare(demo.page);
    await demo.page.goto(`${url}/#${new URLSearchParams({ ...credentials })}`);
    await demo.page.waitForSelector("main h1");
    return demo;
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  async show(view: View): Promise<void> {
    await this.page.click(`nav a[href="#/${view}"]`);
    await this.page.waitForSelector(`.layout[data-view="${view}"]`);
  }

  /** Waits until the connections are live. */
  async waitUntilLive(...channels: ("products" | "order")[]): Promise<void> {
    for (const channel of channels) {
      await this.page.waitForSelector(`header .pill[data-channel="${channel}"][data-status="live"]`);
    }
  }

  /** Opens every panel of the view. */
  async openPanels(): Promise<void> {
    const closed = this.page.locator("details:not([open]) > summary");
    while ((await closed.count()) > 0) await closed.first().click();
  }

  /** Returns the tabs of the view's code, of which one shows; null alone if it has none. */
  async codeTabs(): Promise<(Locator | null)[]> {
    const tabs = await this.page.getByRole("tab").all();
    return tabs.length > 0 ? tabs : [null];
  }

  /** Publishes from the form in the view Publish. @returns The outcome that the form shows. */
  async publish(type: string, changes: { data?: string; id?: string } = {}): Promise<string | null> {
    await this.show("publish");
    await this.page.selectOption("select[name=type]", type);
    if (changes.data !== undefined) await this.page.fill("textarea[name=data]", changes.data);
    await this.page.fill("input[name=id]", changes.id ?? "");
    const answered = this.page.waitForResponse((response) => response.url().includes("/api/v1/publish/"));
    await this.page.click(".publish-form button[type=submit]");
    await (await answered).finished();
    return this.page.locator(".response [data-outcome]").getAttribute("data-outcome");
  }

  /** Returns a connection's delivery counters. */
  async counts(connection: "Products" | "Order") {
    const text = await this.page.locator(`[data-connection="${connection}"] .counts`).getAttribute("data-counts");
    const [received, expected, missed, duplicates] = String(text).split("/").map(Number);
    return { received, expected, missed, duplicates };
  }

  /**
   * Records every later value of an attribute, inside the page so that short-lived values are not missed.
   * @returns A function that returns the values so far.
   */
  async recordChanges(selector: string, attribute: string): Promise<() => Promise<string[]>> {
    const recorded = await this.page.evaluateHandle<string[]>(`{
      const values = [];
      const element = document.querySelector(${JSON.stringify(selector)});
      const record = () => values.push(element.getAttribute(${JSON.stringify(attribute)}));
      new MutationObserver(record).observe(element, { attributeFilter: [${JSON.stringify(attribute)}] });
      values;
    }`);
    return () => recorded.jsonValue();
  }

  /** Returns the serious and critical violations that axe finds. */
  seriousViolations(): Promise<string[]> {
    return seriousViolations(this.page);
  }
}
