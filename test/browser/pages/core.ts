import { connectOrder } from "../../../src/sdk/index.ts";
import { onceAcrossTabs, sharedTabs } from "../../../src/sdk/tabs/tabs.ts";
import { offer, setting, settings, show } from "./page.ts";

/** An order without a framework; with `shared` in the address, over one socket for all tabs. */

const seqs: number[] = [];
const done: string[] = [];
let gaps = 0;
let isHeld = false;
const connection = connectOrder(setting("order"), {
  url: setting("url"),
  getToken: () => setting("token"),
  ...(settings.shared !== undefined && { shared: sharedTabs() }),
  onStatus: (status) => show({ status: status.state, ...status }),
  onSnapshot: (snapshot) => show({ current: snapshot.current_status }),
  onGap: () => show({ gaps: ++gaps }),
  onEvent(event) {
    seqs.push(event.seq);
    show({ seqs });
    void onceAcrossTabs(event.id, () => {
      done.push(event.id);
      show({ done });
    });
  },
});
show({ seqs, done, gaps, isHeld });
offer({
  close: () => connection.close(),
  reconnect: () => connection.reconnect(),
  fire: (target: "window" | "document", type: string) => {
    // What a browser tells a page that it puts away or brings back.
    const { window, document } = globalThis as unknown as Record<"window" | "document", EventTarget>;
    (target === "document" ? document : window).dispatchEvent(new Event(type));
    isHeld = type === "pagehide" || type === "freeze";
    show({ isHeld });
  },
});
