import { connectOrder } from "../../../src/sdk/index.ts";
import { sharedTabs } from "../../../src/sdk/tabs/tabs.ts";
import { countOpenSockets, expose, report, setting } from "./shared.ts";

/** A shared tab that logs what its connection reports, and as which user. The log survives a reload. */

// Test pages run only in browsers.
const { sessionStorage } = globalThis as unknown as {
  sessionStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
};
const log: unknown[] = JSON.parse(sessionStorage.getItem("log") ?? "[]");
/** The tokens of all users, by name. */
const tokens: Record<string, string> = JSON.parse(setting("tokens"));
let user = sessionStorage.getItem("user") ?? "alice";

function add(entry: object): void {
  log.push(entry);
  sessionStorage.setItem("log", JSON.stringify(log));
  report({ log });
}

const connection = connectOrder(setting("order"), {
  url: setting("url"),
  shared: sharedTabs(),
  storage: () => sessionStorage,
  tuning: JSON.parse(setting("tuning")),
  getToken() {
    // From now on, nothing of another user may be reported.
    add({ type: "user", user });
    return tokens[user] ?? "";
  },
  onStatus: (status) => report({ status: status.state, reason: status.state === "closed" ? status.reason : null }),
  onSnapshot: ({ seq, resumed }) => add({ type: "snapshot", seq, resumed }),
  onGap: ({ from, to }) => add({ type: "gap", from: from?.seq ?? null, to: to.seq }),
  onEvent: ({ seq }) => add({ type: "event", seq }),
});
report({ log });
expose({
  /** The page's user changes. */
  signIn: (name: string) => {
    user = name;
    sessionStorage.setItem("user", name);
    connection.reconnect();
  },
  countOpenSockets,
});
