import { connectOrder } from "../../../src/sdk/index.ts";
import { expose, report, setting, settings } from "./shared.ts";

/** An order page that records its events, connection attempts and lifecycle. The events survive a reload. */

/** The browser objects used here. The project's types cover only Workers and Node. */
interface Browser extends EventTarget {
  document: EventTarget & { visibilityState: string };
  navigator: { onLine: boolean };
  performance: { getEntriesByType(type: "navigation"): { type: string }[] };
  sessionStorage: Storage;
  WebSocket: typeof WebSocket;
}
interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}
// Test pages run only in browsers.
const browser = globalThis as unknown as Browser;

/** The `seq` of every event that this tab received, including before a reload. */
const seqs: number[] = JSON.parse(browser.sessionStorage.getItem("seqs") ?? "[]");
/** What the browser did to the page. */
const lifecycle: string[] = [];
/** Connection attempts: milliseconds since the page started, and whether the browser was online. */
const attempts: { at: number; isOnline: boolean }[] = [];
const states: string[] = [];
const startedAt = Date.now();
let gaps = 0;
let rawSocket: WebSocket | undefined;

browser.WebSocket = class extends browser.WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    rawSocket = this;
    attempts.push({ at: Date.now() - startedAt, isOnline: browser.navigator.onLine });
    report({ attempts });
  }
};

for (const type of ["online", "offline", "pagehide", "pageshow"])
  browser.addEventListener(type, (event) => {
    const { persisted } = event as Event & { persisted?: boolean };
    lifecycle.push(persisted ? `${type} persisted` : type);
    report({ lifecycle });
  });
for (const type of ["freeze", "resume", "visibilitychange"])
  browser.document.addEventListener(type, () => {
    lifecycle.push(type === "visibilitychange" ? browser.document.visibilityState : type);
    report({ lifecycle });
  });

const connection = connectOrder(setting("order"), {
  url: setting("url"),
  getToken: async () => {
    const response = await fetch("/api/token");
    if (!response.ok) throw new Error("no token");
    return response.text();
  },
  storage: browser.sessionStorage,
  tuning: JSON.parse(settings.tuning ?? "{}"),
  onStatus(status) {
    if (states.at(-1) !== status.state) states.push(status.state);
    report({ status: status.state, states, reason: status.state === "closed" ? status.reason : null });
  },
  onGap: () => report({ gaps: ++gaps }),
  onEvent({ seq }) {
    seqs.push(seq);
    browser.sessionStorage.setItem("seqs", JSON.stringify(seqs));
    report({ seqs });
  },
});

const [navigation] = browser.performance.getEntriesByType("navigation");
report({ seqs, lifecycle, attempts, gaps, states, navigationType: navigation?.type });
expose({
  reconnect: () => connection.reconnect(),
  /** Closes the socket behind the SDK's back. */
  closeRawSocket: () => rawSocket?.close(),
});
