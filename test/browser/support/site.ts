import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import * as z from "zod";
import { eventually } from "../../support/eventually.ts";
import { listenOnLoopback } from "../../support/loopback.ts";
import { mintToken } from "../../support/tokens.ts";
import type { BrowserKind, ManyProfiles, Profile, Tab } from "./browsers.ts";
import { CHROMIUM } from "./chromium.ts";

/** A shop's site whose pages use the SDK, and a browser that opens them. */

const PAGES = join(import.meta.dirname, "../pages");

/** Messages of browsers about a failing network or service, which many tests cause on purpose. */
const NETWORK_ERROR =
  /WebSocket connection to|Failed to load resource|The connection to \S+ was interrupted|can’t establish a connection/;

/** The state that pages report as JSON (`pages/shared.ts`). */
const stateSchema = z.looseObject({ status: z.string(), sockets: z.int() });
export type PageState = z.infer<typeof stateSchema>;

export class Site<T extends Tab = Page, P extends Profile = BrowserContext> {
  /** Creates the token that the shop's backend returns at `/api/token`. If it throws, the backend returns 503. */
  token: () => Promise<string> = mintToken;
  readonly url: string;
  readonly #pages: SitePage<Tab>[] = [];
  readonly #browser: ManyProfiles<P>;
  readonly #close: () => void;

  constructor(url: string, browser: ManyProfiles<P>, close: () => void) {
    this.url = url;
    this.#browser = browser;
    this.#close = close;
  }

  /** Creates a new browser profile. */
  newProfile(): Promise<P> {
    return this.#browser.newContext();
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    this.#close();
  }

  /** Opens a page. @param settings What the page reads from its address. */
  async open(profile: Profile<T>, name: string, settings: Record<string, string>): Promise<SitePage<T>> {
    const page = await profile.newPage();
    const errors: string[] = [];
    const record = (error: string) => NETWORK_ERROR.test(error) || errors.push(error);
    page.on("pageerror", (error) => record(error.message));
    page.on("console", (message) => message.type() === "error" && record(message.text()));
    const opened = new SitePage<T>(page, errors);
    this.#pages.push(opened);
    await page.goto(`${this.url}/${name}#${new URLSearchParams(settings)}`);
    return opened;
  }

  /** Returns the errors of all pages opened since the last call. */
  takeErrors(): string[] {
    return this.#pages.splice(0).flatMap(({ errors }) => errors);
  }
}

export class SitePage<T extends Tab = Page> {
  readonly page: T;
  /** Console errors, including warnings of React and Vue, and uncaught exceptions. */
  readonly errors: string[];

  constructor(page: T, errors: string[]) {
    this.page = page;
    this.errors = errors;
  }

  async state(): Promise<PageState> {
    // A locator would wait for a painted frame, and hidden pages paint none.
    return stateSchema.parse(
      JSON.parse(String(await this.page.evaluate("document.getElementById('state').textContent"))),
    );
  }

  /** Waits until the page's state satisfies a condition, as long as `eventually` does, and returns the state. */
  waitFor(condition: (state: PageState) => void, timeoutMs?: number): Promise<PageState> {
    return eventually(async () => {
      const state = await this.state();
      condition(state);
      return state;
    }, timeoutMs);
  }

  /** Calls a function that the page exposes to its test, such as `unmount()`. */
  call(call: string): Promise<unknown> {
    return this.page.evaluate(`page.${call}`);
  }
}

export const waitUntilLive = (page: SitePage<Tab>) => page.waitFor(({ status }) => expect(status).toBe("live"));

export interface SiteOptions {
  /** URL of a service that the site forwards WebSockets to. */
  service?: string;
  /** Third-party scripts by name, which pages import as `pasted:<name>`. */
  pasted?: Record<string, string>;
}

/** Bundles the pages, serves them on a free port, and starts Chromium. */
export function openSite(pages: string[], options: SiteOptions = {}): Promise<Site> {
  return openSiteIn(CHROMIUM, pages, options);
}

/** The same in any browser. */
export async function openSiteIn<T extends Tab, P extends Profile<T>>(
  kind: BrowserKind<T, P>,
  pages: string[],
  { service, pasted = {} }: SiteOptions = {},
): Promise<Site<T, P>> {
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
    plugins: [pastedScripts(pasted)],
  });
  const scripts = new Map(built.outputFiles.map(({ path, text }) => [path, text]));
  const server = createServer(({ url = "" }, response) => {
    if (url === "/api/token") {
      site.token().then(
        (token) => response.writeHead(200).end(token),
        () => response.writeHead(503).end(),
      );
      return response;
    }
    const script = scripts.get(url);
    // A sandboxed frame has another origin.
    const headers = { "Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*" };
    if (script !== undefined) return response.writeHead(200, headers).end(script);
    // Any other address is an empty page.
    const module = scripts.has(`${url}.js`) ? `<script type="module" src="${url}.js"></script>` : "";
    const html = `<!doctype html><link rel="icon" href="data:,"><div id="app"></div><pre id="state">{}</pre>${module}`;
    return response.writeHead(200, { "Content-Type": "text/html" }).end(html);
  });
  if (service !== undefined) forwardSockets(server, service);
  const url = await listenOnLoopback(server);
  const browser = await kind.start();
  const site = new Site<T, P>(url, browser, () => {
    server.closeAllConnections();
    server.close();
  });
  return site;
}

/** Forwards WebSockets to the service with their original path and headers. */
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

function pastedScripts(sources: Record<string, string>): Plugin {
  return {
    name: "pasted",
    setup(builder) {
      builder.onResolve({ filter: /^pasted:/ }, ({ path }) => ({ path, namespace: "pasted" }));
      builder.onLoad({ filter: /.*/, namespace: "pasted" }, ({ path }) => ({
        contents: sources[path.slice("pasted:".length)] ?? "",
        loader: "jsx",
        resolveDir: PAGES,
      }));
    },
  };
}
