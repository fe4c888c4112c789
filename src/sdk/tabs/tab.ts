import type { Share } from "../connection/link.ts";
import type { Runner } from "../connection/runner.ts";
import type { Relay } from "./relay.ts";
import type { ChannelReplica } from "./replica.ts";
import type { TabGroup } from "./tab-group.ts";
import type { TabInput, TabState } from "./tab-machine-state.ts";
import type { TabSocket } from "./tab-socket.ts";
import type { TabTokens } from "./tab-tokens.ts";

/** A running tab: its state machine, and the parts that the machine's effects work with. */
export interface Tab {
  readonly share: Share;
  readonly machine: Runner<TabState, TabInput>;
  readonly replica: ChannelReplica;
  readonly relay: Relay;
  readonly tokens: TabTokens;
  readonly socket: TabSocket;
  /** The tabs that it shares a socket with; null while it shares none. */
  group: TabGroup | null;
  /** Undefined after `close()`. */
  unwatchPage: (() => void) | undefined;
}
