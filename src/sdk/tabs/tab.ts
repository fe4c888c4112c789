import type { Link, OpenLink, Output, Share } from "../connection/link.ts";
import type { Runner } from "../connection/runner.ts";
import type { GetToken, Position } from "../connection/types.ts";
import type { Relay } from "./relay.ts";
import type { ChannelReplica } from "./replica.ts";
import type { TabGroup } from "./tab-group.ts";
import type { TabInput, TabState } from "./tab-machine-state.ts";
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

/** The socket of a tab, while it has one. Outputs of a former socket are ignored. */
export class TabSocket {
  /** Identifies the current socket, or the time without one. */
  number = 0;
  link: Link | null = null;
  readonly #open: OpenLink;
  readonly #getToken: GetToken;

  constructor(open: OpenLink, getToken: GetToken) {
    this.#open = open;
    this.#getToken = getToken;
  }

  open(position: Position | null, wasLive: boolean, onOutput: (output: Output) => void): void {
    const number = ++this.number;
    const receive = (output: Output) => {
      if (number === this.number) onOutput(output);
    };
    this.link = this.#open(position, wasLive, receive, this.#getToken);
  }

  close(): void {
    this.number++;
    this.link?.close();
    this.link = null;
  }
}
