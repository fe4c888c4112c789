import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { z } from "zod";
import { eventually } from "../../support/eventually.ts";

/** A shop's site with the SDK in its pages, and a Chromium that visits it. */

const PAGES = join(import.meta.dirname, "../pages");
/** Debian's package, unless the environment names another one. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What the pages show of themselves, as JSON. */
const shown = z.looseObject({ status: z.string(), sockets: z.int() });
export type Shown = z.infer<typeof shown>;

export class Site {
  readonly url: string;
  readonly #browser: Browser;
  readonly #close: () => void;

  constructor(url: string, browser: Browser, close: () => void) {
    this.url = url;
    this.#browser = browser;
    this.#close = close;
  }

  /** A browser profile of its own. */
  profile(): Promise<BrowserContext> {
    return this.#browser.newContext();
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    this.#close();
  }

  /** Opens a page; `settings` is what it reads from its address. */
  async visit(profile: BrowserContext, name: string, settings: Record<string, string>): Promise<VisitedPage> {
    const page = await profile.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("WebSocket connection to"))
        errors.push(message.text());
    });
    await page.goto(`${this.url}/${name}#${new URLSearchParams(settings)}`);
    return new VisitedPage(page, errors);
  }
}

export class VisitedPage {
  readonly page: Page;
  /** What went wrong in the page; React's and Vue's own warnings are among it. */
  readonly errors: string[];

  constructor(page: Page, errors: string[]) {
    this.page = page;
    this.errors = errors;
  }

  async shown(): Promise<Shown> {
    return shown.parse(JSON.parse(String(await this.page.textContent("#shown"))));
  }

  /** Waits until what the page shows satisfies a condition, and returns it. */
  shows(condition: (shown: Shown) => void): Promise<Shown> {
    return eventually(async () => {
      const now = await this.shown();
      condition(now);
      return now;
    });
  }

  /** Calls what the page offers to its test as `globalThis.page`. */
  do(call: string): Promise<unknown> {
    return this.page.evaluate(`page.${call}`);
  }
}

/** Bundles the pages, serves them on a free port, and starts the browser. */
export async function openSite(pages: string[]): Promise<Site> {
  const built = await build({
    entryPoints: pages.map((name) => join(PAGES, `${name}.ts`)),
    outdir: "/",
    write: false,
    bundle: true,
    format: "esm",
    define: {
      "process.env.NODE_ENV": '"development"',
      __VUE_OPTIONS_API__: "true",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    logLevel: "silent",
  });
  const scripts = new Map(built.outputFiles.map(({ path, text }) => [path, text]));
  const server = createServer(({ url = "" }, response) => {
    const script = scripts.get(url);
    if (script !== undefined) return response.writeHead(200, { "Content-Type": "text/javascript" }).end(script);
    const html = `<!doctype html><link rel="icon" href="data:,"><div id="app"></div><pre id="shown">{}</pre><script type="module" src="${url}.js"></script>`;
    return response.writeHead(200, { "Content-Type": "text/html" }).end(html);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  return new Site(`http://127.0.0.1:${port}`, browser, () => server.close());
}
