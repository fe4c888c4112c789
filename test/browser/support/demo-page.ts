import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import * as z from "zod";

/** The demo page in a Chromium, with everything that it says and asks for. */

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const VIEWS = ["shop", "order", "publish", "connections", "operations", "access"] as const;
export type View = (typeof VIEWS)[number];

/** Of axe's findings. */
const violations = z.array(
  z.object({
    id: z.string(),
    impact: z.string().nullish(),
    nodes: z.array(z.object({ target: z.array(z.unknown()) })),
  }),
);

export interface Credentials {
  order?: string;
  customer?: string;
  admin?: string;
  key?: string;
}

export class DemoPage {
  readonly page: Page;
  /** Errors on the console, and those that nobody caught. */
  readonly errors: string[] = [];
  /** The addresses of everything that it loaded or called. */
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
    held: Credentials,
    options: BrowserContextOptions = {},
  ): Promise<DemoPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    const demo = new DemoPage(await context.newPage());
    await demo.page.goto(`${url}/#${new URLSearchParams({ ...held })}`);
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
  async isLive(...channels: ("products" | "order")[]): Promise<void> {
    for (const channel of channels) {
      await this.page.waitForSelector(`header .pill[data-channel="${channel}"][data-status="live"]`);
    }
  }

  /** Publishes from the panel. @returns What became of it, as the panel shows it. */
  async publish(type: string, changes: { data?: string; id?: string } = {}): Promise<string | null> {
    await this.page.selectOption("select[name=type]", type);
    if (changes.data !== undefined) await this.page.fill("textarea[name=data]", changes.data);
    await this.page.fill("input[name=id]", changes.id ?? "");
    const answered = this.page.waitForResponse((response) => response.url().includes("/api/v1/publish/"));
    await this.page.click(".publisher button[type=submit]");
    await (await answered).finished();
    return this.page.locator(".answer [data-outcome]").getAttribute("data-outcome");
  }

  /** A connection's counters. */
  async counts(connection: "Products" | "Order") {
    const text = await this.page.locator(`[data-connection="${connection}"] .counts`).getAttribute("data-counts");
    const [received, expected, missed, twice] = String(text).split("/").map(Number);
    return { received, expected, missed, twice };
  }

  /**
   * Notes what an attribute says from now on, in the page itself: what stands there for a moment only is not missed.
   * @returns What asks for all that it said.
   */
  async noteChanges(selector: string, attribute: string): Promise<() => Promise<string[]>> {
    const noted = await this.page.evaluateHandle<string[]>(`{
      const values = [];
      const element = document.querySelector(${JSON.stringify(selector)});
      const note = () => values.push(element.getAttribute(${JSON.stringify(attribute)}));
      new MutationObserver(note).observe(element, { attributeFilter: [${JSON.stringify(attribute)}] });
      values;
    }`);
    return () => noted.jsonValue();
  }

  /** What axe (https://github.com/dequelabs/axe-core) finds serious or worse, each with where it is. */
  async seriousFindings(): Promise<string[]> {
    // Not by a script element, which the page's policy forbids.
    await this.page.evaluate(AXE);
    const found: unknown = await this.page.evaluate("axe.run().then(({ violations }) => violations)");
    return violations
      .parse(found)
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  }
}
