import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { areInstalled } from "../../support/optional-programs.ts";
import { type BrowserKind, BrowserProcess, type Profile, type Tab } from "./browsers.ts";

/**
 * Finds and starts Firefox for the tests, and drives it by WebDriver BiDi (w3.org/TR/webdriver-bidi). Playwright drives
 * only a Firefox of its own, which is not the one that people use.
 */

/** The paths of Debian's package and of Ubuntu's by default. */
const PATHS = process.env.FIREFOX ? [process.env.FIREFOX] : ["/usr/bin/firefox-esr", "/usr/bin/firefox"];
const PROGRAM = PATHS.find((path) => existsSync(path)) ?? PATHS.join(" or ");
/** What the browser would otherwise load by itself. */
const PREFERENCES = {
  "app.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};

const messageSchema = z.union([
  z.object({ type: z.literal("success"), id: z.int(), result: z.unknown() }),
  z.object({ type: z.literal("error"), id: z.int(), error: z.string(), message: z.string() }),
  z.object({ type: z.literal("event"), method: z.string(), params: z.unknown() }),
]);
const logEntrySchema = z.object({
  type: z.string(),
  level: z.string(),
  text: z.string().nullable(),
  source: z.object({ context: z.string().optional() }),
});
const evaluationSchema = z.union([
  z.object({ type: z.literal("success"), result: z.object({ value: z.unknown().optional() }) }),
  z.object({ type: z.literal("exception"), exceptionDetails: z.object({ text: z.string() }) }),
]);
const newTabSchema = z.object({ context: z.string() });
const newProfileSchema = z.object({ userContext: z.string() });

type LogEntry = z.infer<typeof logEntrySchema>;

/** A connection to a browser's debugger. */
class Session {
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #lastId = 0;

  private constructor(socket: WebSocket, onLogEntry: (entry: LogEntry) => void) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const message = messageSchema.parse(JSON.parse(String(data)));
      if (message.type === "event") {
        if (message.method === "log.entryAdded") onLogEntry(logEntrySchema.parse(message.params));
        return;
      }
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (message.type === "success") call?.resolve(message.result);
      else call?.reject(new Error(`${message.error}: ${message.message}`));
    });
    socket.addEventListener("close", () => {
      for (const { reject } of this.#calls.values()) reject(new Error("Firefox has exited"));
    });
  }

  static async open(debuggerUrl: string, onLogEntry: (entry: LogEntry) => void): Promise<Session> {
    const socket = new WebSocket(`${debuggerUrl}/session`);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    const session = new Session(socket, onLogEntry);
    await session.call("session.new", { capabilities: {} });
    await session.call("session.subscribe", { events: ["log.entryAdded"] });
    return session;
  }

  /** Calls a command. Throws the browser's error. */
  call(method: string, params: object): Promise<unknown> {
    const id = ++this.#lastId;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }
}

type Listener =
  | [event: "pageerror", listener: (error: Error) => void]
  | [event: "console", listener: (message: { type(): string; text(): string }) => void];

class FirefoxTab implements Tab {
  readonly #session: Session;
  readonly #context: string;
  readonly #onClose: () => void;
  readonly #listeners: Listener[] = [];
  #url = "about:blank";

  constructor(session: Session, context: string, onClose: () => void) {
    this.#session = session;
    this.#context = context;
    this.#onClose = onClose;
  }

  url(): string {
    return this.#url;
  }

  async goto(url: string): Promise<void> {
    await this.#session.call("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
    this.#url = url;
  }

  async evaluate(expression: string): Promise<unknown> {
    const target = { context: this.#context };
    const evaluation = evaluationSchema.parse(
      await this.#session.call("script.evaluate", { expression, target, awaitPromise: true }),
    );
    if (evaluation.type === "exception") throw new Error(evaluation.exceptionDetails.text);
    return evaluation.result.value;
  }

  async bringToFront(): Promise<void> {
    await this.#session.call("browsingContext.activate", { context: this.#context });
  }

  async close(): Promise<void> {
    this.#onClose();
    await this.#session.call("browsingContext.close", { context: this.#context });
  }

  on(...listener: Listener): void {
    this.#listeners.push(listener);
  }

  receive({ type, level, text }: LogEntry): void {
    const isError = type === "javascript";
    for (const [event, listener] of this.#listeners) {
      if (event === "pageerror" && isError) listener(new Error(text ?? ""));
      if (event === "console" && !isError) listener({ type: () => level, text: () => text ?? "" });
    }
  }
}

class FirefoxProfile implements Profile<FirefoxTab> {
  readonly #session: Session;
  readonly #userContext: string;
  readonly #tabs: Map<string, FirefoxTab>;
  readonly #own = new Set<FirefoxTab>();

  /** @param tabs The tabs of all profiles, by their context. */
  constructor(session: Session, userContext: string, tabs: Map<string, FirefoxTab>) {
    this.#session = session;
    this.#userContext = userContext;
    this.#tabs = tabs;
  }

  async newPage(): Promise<FirefoxTab> {
    const { context } = newTabSchema.parse(
      await this.#session.call("browsingContext.create", { type: "tab", userContext: this.#userContext }),
    );
    const tab = new FirefoxTab(this.#session, context, () => {
      this.#tabs.delete(context);
      this.#own.delete(tab);
    });
    this.#tabs.set(context, tab);
    this.#own.add(tab);
    return tab;
  }

  pages(): FirefoxTab[] {
    return [...this.#own];
  }

  async setOffline(isOffline: boolean): Promise<void> {
    const networkConditions = isOffline ? { type: "offline" } : null;
    const userContexts = [this.#userContext];
    await this.#session.call("emulation.setNetworkConditions", { networkConditions, userContexts });
  }

  async close(): Promise<void> {
    for (const tab of this.#own) await tab.close();
    if (this.#userContext !== "default") {
      await this.#session.call("browser.removeUserContext", { userContext: this.#userContext });
    }
  }
}

async function startFirefox() {
  const started = await BrowserProcess.start(PROGRAM, async (directory) => {
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${value});\n`);
    await writeFile(join(directory, "user.js"), lines.join(""));
    return ["--headless", "--no-remote", "--profile", directory, "--remote-debugging-port", "0", "about:blank"];
  });
  const tabs = new Map<string, FirefoxTab>();
  const session = await Session.open(started.debuggerUrl, (entry) =>
    tabs.get(entry.source.context ?? "")?.receive(entry),
  );
  return {
    profile: new FirefoxProfile(session, "default", tabs),
    newContext: async () => {
      const { userContext } = newProfileSchema.parse(await session.call("browser.createUserContext", {}));
      return new FirefoxProfile(session, userContext, tabs);
    },
    signal: (signal: "SIGSTOP" | "SIGCONT") => started.signal(signal),
    stop: () => started.stop(),
    close: () => started.stop(),
  };
}

function hasFirefox(untested: string): boolean {
  const missing = existsSync(PROGRAM) ? [] : [`Firefox at ${PROGRAM}`];
  return areInstalled(missing, untested, "Debian: firefox-esr; elsewhere, set FIREFOX to its path");
}

/** Firefox hides background tabs and caches pages in either way of starting it. */
export const FIREFOX: BrowserKind<FirefoxTab> = {
  name: "Firefox",
  isInstalled: hasFirefox,
  start: startFirefox,
  startPlain: startFirefox,
};
