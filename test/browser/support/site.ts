import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright-core";
import * as z from "zod";
import { eventually } from "../../support/eventually.ts";
import { listenOnLoopback } from "../../support/loopback.ts";
import { mintToken } from "../../support/tokens.ts";
import { startChromium } from "./chromium.ts";

/** A shop's site with the SDK in its pages, and a Chromium that visits it. */

const PAGES = join(import.meta.dirname, "../pages");

/** What Chromium says of a network or a service that fails, which is what many tests are about. */
const NETWORK_ERROR = /WebSocket connection to|Failed to load resource/;

/** What the pages show of themselves, as JSON. */
const shown = z.looseObject({ status: z.string(), sockets: z.int() });
export type Shown = z.infer<typeof shown>;

export class Site {
  /** What the shop's own backend answers at `/api/token`; when it fails, with a 503. */
  token: () => Promise<string> = mintToken;
  readonly url: string;
  readonly #visited: VisitedPage[] = [];
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
      if (message.type() === "error" && !NETWORK_ERROR.test(message.text())) errors.push(message.text());
    });
    const visited = new VisitedPage(page, errors);
    this.#visited.push(visited);
    await page.goto(`${this.url}/${name}#${new URLSearchParams(settings)}`);
    return visited;
  }

  /** What went wrong in all pages that were visited since this was asked last. */
  takeErrors(): string[] {
    return this.#visited.splice(0).flatMap(({ errors }) => errors);
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
    // Not through a locator, which waits for frames to be painted: a hidden page paints none.
    return shown.parse(JSON.parse(String(await this.page.evaluate("document.getElementById('shown').textContent"))));
  }

  /** Waits until what the page shows satisfies a condition, and returns it; as patient as `eventually`. */
  shows(condition: (shown: Shown) => void, timeoutMs?: number): Promise<Shown> {
    return eventually(async () => {
      const now = await this.shown();
      condition(now);
      return now;
    }, timeoutMs);
  }

  /** Calls what the page offers to its test as `globalThis.page`. */
  do(call: string): Promise<unknown> {
    return this.page.evaluate(`page.${call}`);
  }
}

export interface SiteOptions {
  /** A service that is reached through the site's own address, too. */
  service?: string;
  /** Modules that pages import as `pasted:<name>`: scripts that are not ours, by name. */
  pasted?: Record<string, string>;
}

/** Bundles the pages, serves them on a free port, and starts the browser. */
export async function openSite(pages: string[], { service, pasted = {} }: SiteOptions = {}): Promise<Site> {
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
    plugins: [paste(pasted)],
  });
  const scripts = new Map(built.outputFiles.map(({ path, text }) => [path, text]));
  const server = createServer(({ url = "" }, response) => {
    if (url === "/api/token") {
      const answer = (status: number, body = "") => response.writeHead(status).end(body);
      site.token().then(
        (token) => answer(200, token),
        () => answer(503),
      );
      return response;
    }
    const script = scripts.get(url);
    // A sandboxed frame is another origin.
    const headers = { "Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*" };
    if (script !== undefined) return response.writeHead(200, headers).end(script);
    // Somewhere else on the site there is nothing of ours.
    const module = scripts.has(`${url}.js`) ? `<script type="module" src="${url}.js"></script>` : "";
    const html = `<!doctype html><link rel="icon" href="data:,"><div id="app"></div><pre id="shown">{}</pre>${module}`;
    return response.writeHead(200, { "Content-Type": "text/html" }).end(html);
  });
  if (service !== undefined) forwardSockets(server, service);
  const url = await listenOnLoopback(server);
  const browser = await startChromium();
  const site = new Site(url, browser, () => {
    server.closeAllConnections();
    server.close();
  });
  return site;
}

/** Sockets go on to the service, with the path and the headers that they came with. */
function forwardSockets(server: Server, service: string): void {
  const { hostname, port } = new URL(service);
  server.on("upgrade", ({ method, url, rawHeaders }, client, head) => {
    const upstream = connect(Number(port), hostname);
    const headers = rawHeaders.map((text, i) => text + (i % 2 === 0 ? ": " : "\r\n")).join("");
    upstream.write(`${method} ${url} HTTP/1.1\r\n${headers}\r\n`);
    upstream.write(head);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
  });
}

function paste(sources: Record<string, string>): Plugin {
  return {
    name: "pasted",
    setup(building) {
      building.onResolve({ filter: /^pasted:/ }, ({ path }) => ({ path, namespace: "pasted" }));
      building.onLoad({ filter: /.*/, namespace: "pasted" }, ({ path }) => ({
        contents: sources[path.slice("pasted:".length)] ?? "",
        loader: "jsx",
        resolveDir: PAGES,
      }));
    },
  };
}
