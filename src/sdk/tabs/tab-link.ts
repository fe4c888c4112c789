import type { Link, Share } from "../connection/link.ts";
import { watchPage } from "../connection/page.ts";
import { runMachine } from "../connection/runner.ts";
import { DEFAULT_TUNING } from "../connection/tuning.ts";
import { tokenOfUser } from "./hand-over.ts";
import { Relay } from "./relay.ts";
import { ChannelReplica } from "./replica.ts";
import type { Tab } from "./tab.ts";
import { runTabEffect } from "./tab-effects.ts";
import { stepTab } from "./tab-machine.ts";
import { initialTabState, nextTabTick, type TabEffect, type TabInput, type TabState } from "./tab-machine-state.ts";
import { TabSocket } from "./tab-socket.ts";
import { TabTokens } from "./tab-tokens.ts";

/** Runs the tab's state machine with a real group of tabs, page and socket. */
export function openTabLink(share: Share): Link {
  const identifyTimeoutMs = share.tuning.connectTimeoutMs ?? DEFAULT_TUNING.connectTimeoutMs;
  const machine = runMachine<TabState, TabInput, TabEffect>(
    initialTabState(String(Math.random()), identifyTimeoutMs),
    stepTab,
    nextTabTick,
    (effect) => runTabEffect(tab, effect),
  );
  const { take } = machine;
  const replica = new ChannelReplica(share.position, share.onOutput);
  const relay = new Relay(
    replica,
    () => machine.state.isVisible,
    (message) => tab.group?.post(message),
  );
  const tokens = new TabTokens(share.getToken);
  const socket = new TabSocket(share.open, () => tokenOfUser(tab));
  const tab: Tab = { share, machine, replica, relay, tokens, socket, group: null, unwatchPage: undefined };

  function reconnect(): void {
    tab.unwatchPage ??= watchPage(take);
    take({ type: "connect" });
  }
  reconnect();

  return {
    get status() {
      return replica.status;
    },
    get position() {
      return replica.position;
    },
    get lagMs() {
      return relay.lagMs;
    },
    close() {
      tab.unwatchPage?.();
      tab.unwatchPage = undefined;
      take({ type: "close" });
    },
    reconnect,
    refreshToken: () => take({ type: "refresh" }),
    take(input) {
      if (input.type === "filter")
        throw new Error("The filter of a connection that is shared between tabs cannot be changed");
      take(input);
    },
  };
}
