import { connectOrder } from "../../../src/sdk/index.ts";
import { offer, setting, settings, show } from "./page.ts";

/** An order page as a shop writes it, which keeps a diary that outlives it. */

/** What is used here of a browser's own objects; the project's types are those of Workers and Node. */
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
// The test pages run in a browser and nowhere else.
const browser = globalThis as unknown as Browser;

/** Every event that this tab was ever told of, also before it was loaded again. */
const seqs: number[] = JSON.parse(browser.sessionStorage.getItem("seqs") ?? "[]");
/** What the browser did to the page. */
const life: string[] = [];
/** The tries to connect: how long after the first one, in milliseconds, and whether there was a network. */
const attempts: { at: number; isOnline: boolean }[] = [];
const states: string[] = [];
const begin = Date.now();
let gaps = 0;
let raw: WebSocket | undefined;

browser.WebSocket = class extends browser.WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    raw = this;
    attempts.push({ at: Date.now() - begin, isOnline: browser.navigator.onLine });
    show({ attempts });
  }
};

for (const type of ["online", "offline", "pagehide", "pageshow"])
  browser.addEventListener(type, (event) => {
    const { persisted } = event as Event & { persisted?: boolean };
    life.push(persisted ? `${type} persisted` : type);
    show({ life });
  });
for (const type of ["freeze", "resume", "visibilitychange"])
  browser.document.addEventListener(type, () => {
    life.push(type === "visibilitychange" ? browser.document.visibilityState : type);
    show({ life });
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
    show({ status: status.state, states, reason: status.state === "closed" ? status.reason : null });
  },
  onGap: () => show({ gaps: ++gaps }),
  onEvent({ seq }) {
    seqs.push(seq);
    browser.sessionStorage.setItem("seqs", JSON.stringify(seqs));
    show({ seqs });
  },
});

const [navigation] = browser.performance.getEntriesByType("navigation");
show({ seqs, life, attempts, gaps, states, arrivedBy: navigation?.type });
offer({
  reconnect: () => connection.reconnect(),
  /** The page's own socket ends without the SDK having asked for it. */
  closeRawSocket: () => raw?.close(),
});
