import { connectOrder } from "../../../src/sdk/index.ts";
import { onceAcrossTabs, sharedTabs } from "../../../src/sdk/tabs/tabs.ts";
import { expose, report, setting, settings } from "./shared.ts";

/** Listens to an order without a framework. With `shared` in the address, all tabs use one socket. */

const seqs: number[] = [];
/** Ids of the events whose side effect ran in this tab. */
const effects: string[] = [];
let gaps = 0;
/** How many side effects began in this tab, and what they wait for. */
let started = 0;
/** How many side effects have run in this tab or are known to have run in another. */
let settled = 0;
let canFinish: Promise<void> | undefined;
let releaseEffects = () => {};
let token: string | null = setting("token");
const connection = connectOrder(setting("order"), {
  url: setting("url"),
  getToken() {
    if (token === null) throw new Error("no user is signed in");
    return token;
  },
  ...(settings.shared !== undefined && { shared: sharedTabs() }),
  onStatus: (status) => report({ status: status.state, ...status }),
  onSnapshot: (snapshot) => report({ current: snapshot.current_status }),
  onGap: () => report({ gaps: ++gaps }),
  onEvent(event) {
    seqs.push(event.seq);
    report({ seqs });
    void onceAcrossTabs(event.id, async () => {
      report({ started: ++started });
      await canFinish;
      effects.push(event.id);
      report({ effects });
    }).then(() => report({ settled: ++settled }));
  },
});
report({ seqs, effects, started, settled, gaps });
expose({
  close: () => connection.close(),
  reconnect: () => connection.reconnect(),
  /** Signs in as another user, or signs out. */
  setToken: (next: string | null) => {
    token = next;
  },
  holdEffects: () => {
    canFinish = new Promise((resolve) => {
      releaseEffects = resolve;
    });
  },
  releaseEffects: () => releaseEffects(),
  fire: (target: "window" | "document", type: string) => {
    // The events a browser fires when it suspends or resumes a page.
    const { window, document } = globalThis as unknown as Record<"window" | "document", EventTarget>;
    (target === "document" ? document : window).dispatchEvent(new Event(type));
  },
});
