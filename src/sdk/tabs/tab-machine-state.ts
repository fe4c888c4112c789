import { NEVER, type PageInput } from "../connection/machine-state.ts";
import type { Position } from "../connection/types.ts";
import type { Hello, TabMessage } from "./messages.ts";
import type { CatchUp } from "./replica.ts";

/** The state, inputs and effects of the tab's state machine. */

/** See the diagram in `tab-machine.ts`. */
export type Role =
  /** Waits for a token, whose subject says which user this tab belongs to. */
  | "identifying"
  /** Has its own socket, because the tab cannot share one. */
  | "fallback"
  | "follower"
  /** A follower with a temporary socket: it missed events that the leader no longer has. */
  | "catching_up"
  | "leader"
  | "suspended"
  | "closed";

export interface TabState {
  /** The name of this tab in messages. */
  readonly id: string;
  readonly identifyTimeoutMs: number;
  readonly role: Role;
  /** Number of the current identification. Results of earlier ones are ignored. */
  readonly identification: number;
  /** Whether `fallback` identifies again once its socket is live, because a token is available then. */
  readonly shouldIdentifyAgain: boolean;
  readonly user: string;
  readonly isVisible: boolean;
  /** Deadlines in milliseconds since 1970, or `NEVER`. */
  readonly identifyBy: number;
  readonly checkLeaderAt: number;
  readonly leaderAnswersBy: number;
}

export type TabInput =
  /** The page calls `connect…()`, `reconnect()`, `refreshToken()` or `close()`. */
  | { type: "connect" }
  | { type: "refresh" }
  | { type: "close" }
  /** A token arrived. @param user Its subject, or null if it has none. */
  | { type: "identified"; identification: number; user: string | null }
  | { type: "token_failed"; identification: number }
  /** The browser lacks Web Locks or BroadcastChannel, or forbids this page to use them. */
  | { type: "sharing_forbidden" }
  | { type: "lock_won" }
  /** Another tab stole the lock because this one did not respond. */
  | { type: "lock_stolen" }
  | { type: "message"; message: TabMessage }
  /** A relayed event does not follow the last one: a message was lost. */
  | { type: "message_missing" }
  /** The leader no longer has the events that this tab missed. @param until Where the leader's events begin. */
  | { type: "history_missing"; until: Position }
  /** The temporary socket has reached `until`. */
  | { type: "caught_up" }
  /** The socket of this tab is live. */
  | { type: "live" }
  | { type: "tick" }
  | PageInput;

export type TabEffect =
  /** Get a token. */
  | { type: "identify"; identification: number }
  /** Open and close the channel to the user's other tabs. */
  | { type: "open_channel"; user: string }
  | { type: "close_channel" }
  /** Wait for the lock, or steal it. */
  | { type: "request_lock"; shouldSteal: boolean }
  | { type: "release_lock" }
  /** Ask the leader for what this tab missed. */
  | { type: "say_hello"; isNew: boolean }
  | { type: "answer_hello"; hello: Hello }
  | { type: "post"; message: TabMessage }
  /** Deliver what the leader relayed. */
  | { type: "apply_outputs"; message: Extract<TabMessage, { type: "outputs" }> }
  | { type: "apply_catch_up"; catchUp: CatchUp }
  /** Open a socket for all tabs. */
  | { type: "open_socket" }
  /** Open a socket for this tab alone, until it has caught up. */
  | { type: "fetch_missing"; until: Position }
  | { type: "close_socket" }
  | { type: "reconnect_socket" }
  | { type: "refresh_socket" }
  | { type: "report_closed" };

export const NO_TAB_DEADLINES = { identifyBy: NEVER, checkLeaderAt: NEVER, leaderAnswersBy: NEVER };

export function initialTabState(id: string, identifyTimeoutMs: number): TabState {
  return {
    id,
    identifyTimeoutMs,
    role: "closed",
    identification: 0,
    shouldIdentifyAgain: false,
    user: "",
    isVisible: true,
    ...NO_TAB_DEADLINES,
  };
}

/** Returns when the machine needs its next `tick`, in milliseconds since 1970, or `NEVER`. */
export const nextTabTick = ({ identifyBy, checkLeaderAt, leaderAnswersBy }: TabState) =>
  Math.min(identifyBy, checkLeaderAt, leaderAnswersBy);
