import { NEVER } from "../connection/machine-state.ts";
import type { Position } from "../connection/types.ts";
import type { TabMessage } from "./messages.ts";
import { NO_TAB_DEADLINES, type Role, type TabEffect, type TabInput, type TabState } from "./tab-machine-state.ts";

/**
 * The role of a tab among the tabs that share a socket, as a pure state machine; `tab-link.ts` runs it. The tabs of one
 * user compete for a Web Lock. The tab that holds it is the leader: it has the socket, and relays what it receives to
 * the followers over a BroadcastChannel.
 *
 *              user known               lock won
 *     identifying -----> follower ----------------------> leader
 *      ^    |             |    ^   ^                       |
 *      |    |     history |    |   |      lock stolen      |
 *      |    |     missing |    |   +-----------------------+
 *      |    |             v    | caught up
 *      |    |            catching_up --------------------> leader
 *      |    |                            lock won
 *      |    | user unknown
 *      |    v
 *      +-- fallback <--- sharing forbidden, from follower or catching_up
 *     live, once, if no token came in time
 *
 *     suspended: the page is frozen; from follower, catching_up and leader, and on resume back to follower
 *     closed:    before the start, and after close() from any role; reconnect() leads to identifying
 */

/** How often a visible follower checks that the leader is alive. */
const CHECK_LEADER_MS = 15_000;
/** How long the leader may take to respond. Phones freeze background tabs without releasing their locks. */
const LEADER_TIMEOUT_MS = 3000;

/**
 * Applies one input.
 * @param now Milliseconds since 1970.
 * @returns The next state, and the effects to run in this order.
 */
export function stepTab(state: TabState, input: TabInput, now: number): [TabState, TabEffect[]] {
  const draft: TabDraft = { ...state, effects: [], now };
  if (input.type === "visible") draft.isVisible = input.isVisible;
  const isLate = "identification" in input && input.identification !== state.identification;
  // The table pairs each input type with a transition that accepts it; the compiler cannot follow that.
  if (!isLate) (TAB_TRANSITIONS[state.role][input.type] as TabTransition | undefined)?.(draft, input);
  const { effects, now: _now, ...next } = draft;
  return [next, effects];
}

type TabDraft = { -readonly [K in keyof TabState]: TabState[K] } & {
  readonly effects: TabEffect[];
  readonly now: number;
};
type TabTransition<I extends TabInput = TabInput> = (draft: TabDraft, input: I) => void;
type TabTransitions = { readonly [T in TabInput["type"]]?: TabTransition<Extract<TabInput, { type: T }>> };

/** How each role handles each input. A role ignores the inputs that it does not list. */
const TAB_TRANSITIONS: { readonly [R in Role]: TabTransitions } = {
  closed: {
    connect: identify,
  },
  identifying: {
    identified: takeUser,
    token_failed: fallBackForNow,
    tick: (draft) => draft.now >= draft.identifyBy && fallBackForNow(draft),
    close: closeTab,
  },
  fallback: {
    live: (draft) => draft.shouldIdentifyAgain && identify(draft),
    connect: reconnectSocket,
    refresh: refreshSocket,
    close: closeTab,
  },
  follower: {
    message: followLeader,
    message_missing: askLeader,
    history_missing: fetchMissing,
    lock_won: lead,
    lock_stolen: followAgain,
    sharing_forbidden: fallBack,
    connect: (draft) => post(draft, { type: "reconnect" }),
    refresh: (draft) => post(draft, { type: "refresh" }),
    tick: watchLeader,
    visible: (draft) => draft.isVisible && checkLeader(draft),
    suspend: suspendTab,
    close: closeTab,
  },
  catching_up: {
    message: noticeLeader,
    caught_up: resumeFollowing,
    lock_won: lead,
    lock_stolen: followAgain,
    sharing_forbidden: fallBack,
    connect: (draft) => post(draft, { type: "reconnect" }),
    refresh: (draft) => post(draft, { type: "refresh" }),
    tick: watchLeader,
    visible: (draft) => draft.isVisible && checkLeader(draft),
    suspend: suspendTab,
    close: closeTab,
  },
  leader: {
    message: serveFollowers,
    lock_stolen: followAgain,
    connect: reconnectSocket,
    refresh: refreshSocket,
    suspend: suspendTab,
    close: closeTab,
  },
  suspended: {
    resume: (draft) => join(draft, false),
    close: closeTab,
  },
};

function identify(draft: TabDraft): void {
  leave(draft);
  draft.role = "identifying";
  draft.shouldIdentifyAgain = false;
  draft.identifyBy = draft.now + draft.identifyTimeoutMs;
  draft.effects.push({ type: "identify", identification: ++draft.identification });
}

function takeUser(draft: TabDraft, { user }: { user: string | null }): void {
  // Only tabs of the same user share a socket, so that no user receives another user's events.
  if (user === null) fallBack(draft);
  else {
    draft.user = user;
    join(draft, true);
  }
}

/** Opens a socket, which requests its own token. Once it is live, the tab tries to share once more. */
function fallBackForNow(draft: TabDraft): void {
  fallBack(draft);
  draft.shouldIdentifyAgain = draft.identification === 1;
}

function fallBack(draft: TabDraft): void {
  leave(draft);
  draft.role = "fallback";
  draft.effects.push({ type: "open_socket" });
}

/** Joins the user's other tabs. @param isNew Whether the tab has just been identified. */
function join(draft: TabDraft, isNew: boolean): void {
  draft.effects.push({ type: "open_channel", user: draft.user });
  startFollowing(draft, isNew);
}

function startFollowing(draft: TabDraft, isNew: boolean): void {
  Object.assign(draft, NO_TAB_DEADLINES);
  draft.role = "follower";
  draft.checkLeaderAt = draft.now + CHECK_LEADER_MS;
  draft.effects.push({ type: "say_hello", isNew }, { type: "request_lock", shouldSteal: false });
}

function followAgain(draft: TabDraft): void {
  draft.effects.push({ type: "close_socket" }, { type: "release_lock" });
  startFollowing(draft, false);
}

function followLeader(draft: TabDraft, { message }: { message: TabMessage }): void {
  noticeLeader(draft, { message });
  if (message.type === "outputs") draft.effects.push({ type: "apply_outputs", message });
  if (message.type === "catch_up" && message.to === draft.id)
    draft.effects.push({ type: "apply_catch_up", catchUp: message.catchUp });
}

/** Outputs and catch-ups come from the leader, so it is alive. */
function noticeLeader(draft: TabDraft, { message }: { message: TabMessage }): void {
  if (message.type === "outputs" || message.type === "catch_up") draft.leaderAnswersBy = NEVER;
}

function askLeader(draft: TabDraft): void {
  draft.effects.push({ type: "say_hello", isNew: false });
}

function checkLeader(draft: TabDraft): void {
  askLeader(draft);
  draft.leaderAnswersBy = draft.now + LEADER_TIMEOUT_MS;
  draft.checkLeaderAt = draft.now + CHECK_LEADER_MS;
}

function watchLeader(draft: TabDraft): void {
  if (draft.now >= draft.leaderAnswersBy) {
    draft.leaderAnswersBy = NEVER;
    draft.effects.push({ type: "release_lock" }, { type: "request_lock", shouldSteal: true });
  }
  if (draft.now < draft.checkLeaderAt) return;
  if (draft.isVisible) checkLeader(draft);
  // A hidden tab checks the leader when it is shown.
  else draft.checkLeaderAt = NEVER;
}

function fetchMissing(draft: TabDraft, { until }: { until: Position }): void {
  draft.role = "catching_up";
  draft.effects.push({ type: "fetch_missing", until });
}

function resumeFollowing(draft: TabDraft): void {
  draft.role = "follower";
  draft.effects.push({ type: "close_socket" });
  askLeader(draft);
}

function lead(draft: TabDraft): void {
  Object.assign(draft, NO_TAB_DEADLINES);
  // The temporary socket, if the tab was catching up.
  draft.effects.push({ type: "close_socket" }, { type: "open_socket" });
  draft.role = "leader";
}

function serveFollowers(draft: TabDraft, { message }: { message: TabMessage }): void {
  if (message.type === "hello") draft.effects.push({ type: "answer_hello", hello: message });
  if (message.type === "reconnect") reconnectSocket(draft);
  if (message.type === "refresh") refreshSocket(draft);
}

function post(draft: TabDraft, message: TabMessage): void {
  draft.effects.push({ type: "post", message });
}

function reconnectSocket(draft: TabDraft): void {
  draft.effects.push({ type: "reconnect_socket" });
}

function refreshSocket(draft: TabDraft): void {
  draft.effects.push({ type: "refresh_socket" });
}

function suspendTab(draft: TabDraft): void {
  leave(draft);
  draft.role = "suspended";
}

function closeTab(draft: TabDraft): void {
  leave(draft);
  draft.role = "closed";
  draft.effects.push({ type: "report_closed" });
}

/** Gives up the socket, the lock and the channel: a page that has one of them cannot enter the back-forward cache. */
function leave(draft: TabDraft): void {
  Object.assign(draft, NO_TAB_DEADLINES);
  draft.effects.push({ type: "close_socket" }, { type: "release_lock" }, { type: "close_channel" });
}
