import { NEVER } from "../connection/machine-state.ts";
import type { PageInput } from "../connection/page.ts";
import type { DraftOf } from "../connection/runner.ts";
import type { Position } from "../connection/types.ts";
import type { Hello, TabMessage } from "./messages.ts";
import type { CatchUp } from "./replica.ts";

/** The state, inputs and effects of the tab's state machine. */

/** See the diagram in `tab-machine.ts`. */
export type Role =
  /** Waits for a token, which says whose tab this is. */
  | "identifying"
  /** Has a socket of its own, because the tab cannot share one. */
  | "fallback"
  | "follower"
  /** A follower with a temporary socket: it missed events that the other tabs do not have. */
  | "catching_up"
  | "leader"
  | "suspended"
  | "closed";

/** When the machine has to act by itself, in milliseconds since 1970; none of these is set. */
export const NO_DEADLINES = {
  identifyBy: NEVER,
  checkLeaderAt: NEVER,
  leaderAnswersBy: NEVER,
  /** When this tab takes over, because it is visible and the leader is hidden. */
  takeOverAt: NEVER,
};

export interface TabState extends Readonly<typeof NO_DEADLINES> {
  /** The name of this tab in messages. */
  readonly id: string;
  readonly identifyTimeoutMs: number;
  readonly role: Role;
  /** The current identification. The result of an earlier one arrives late and is ignored. */
  readonly identification: number;
  /**
   * Whether `fallback` identifies again once it is live, because by then there is a token. True from the start until
   * that has been tried or the user is known.
   */
  readonly shouldIdentifyAgain: boolean;
  readonly user: string;
  readonly isVisible: boolean;
  /**
   * Whether this tab resigned for lack of a usable token, and since then no leader has been live and the page has asked
   * for neither a reconnect nor a new token. While set, it resigns only after a newly opened tab has said hello.
   */
  readonly hasFailed: boolean;
}

export type TabInput =
  /** The page calls `connect…()`, `reconnect()`, `refreshToken()` or `close()`. */
  | { type: "connect" }
  | { type: "refresh" }
  | { type: "close" }
  /** A token arrived. @param user Whose it is (`Token.user`); null if it has no subject. */
  | { type: "identified"; identification: number; user: string | null }
  | { type: "token_failed"; identification: number }
  /** The browser lacks Web Locks or BroadcastChannel, or forbids this page to use them. */
  | { type: "sharing_forbidden" }
  | { type: "lock_won" }
  /** Another tab stole the lock, because this one did not answer or is hidden. */
  | { type: "lock_stolen" }
  | { type: "message"; message: TabMessage }
  /** A relayed event does not follow the last one: a message was lost. */
  | { type: "message_missing" }
  /** The other tabs do not have what this one missed. @param until What they have begins here. */
  | { type: "history_missing"; until: Position }
  /** The temporary socket has reached `until`. */
  | { type: "caught_up" }
  /** The socket of this tab is live. */
  | { type: "live" }
  /** This tab leads without a usable token, and other tabs wait for the lock. */
  | { type: "resign" }
  /** The page has a token of another user. */
  | { type: "user_changed"; user: string | null }
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
  /** Open the socket: for all tabs as the leader, for this tab alone in `fallback`. */
  | { type: "open_socket" }
  /** Open a socket for this tab alone, until it has caught up. */
  | { type: "fetch_missing"; until: Position }
  | { type: "close_socket" }
  /** @param token The token to use, from another tab, or null for the token of this page. */
  | { type: "reconnect_socket" | "refresh_socket"; token: string | null }
  /** Ask the leader to reconnect or to refresh, with a new token of this page. */
  | { type: "ask_leader_to"; action: "reconnect" | "refresh" }
  /** What happened to the page of another tab. */
  | { type: "wake_socket"; input: PageInput }
  /** Forget everything received for the former user. */
  | { type: "forget" }
  | { type: "report_closed" };

export type TabDraft = DraftOf<TabState, TabEffect>;

export function initialTabState(id: string, identifyTimeoutMs: number): TabState {
  return {
    id,
    identifyTimeoutMs,
    role: "closed",
    identification: 0,
    shouldIdentifyAgain: false,
    user: "",
    isVisible: true,
    hasFailed: false,
    ...NO_DEADLINES,
  };
}

/** Returns when the machine needs its next `tick`, in milliseconds since 1970, or `NEVER`. */
export const nextTabTick = ({ identifyBy, checkLeaderAt, leaderAnswersBy, takeOverAt }: TabState) =>
  Math.min(identifyBy, checkLeaderAt, leaderAnswersBy, takeOverAt);
