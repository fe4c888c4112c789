import { NEVER } from "../connection/machine-state.ts";
import type { PageInput } from "../connection/page.ts";
import type { Position } from "../connection/types.ts";
import type { RelayedOutput, TabMessage } from "./messages.ts";
import { NO_DEADLINES, type Role, type TabEffect, type TabInput, type TabState } from "./tab-machine-state.ts";

/**
 * The role of a tab among the tabs that share a socket, as a pure state machine; `tab-link.ts` runs it. The tabs of one
 * user compete for a Web Lock. The tab that holds it is the leader: it has the socket, and relays what it receives to
 * the followers over a BroadcastChannel.
 *
 *              user known               lock won
 *     identifying -----> follower ----------------------> leader
 *      ^    |             |    ^   ^                       |
 *      |    |     history |    |   |      lock stolen      |
 *      |    |     missing |    |   +-----------------------+ or resigned
 *      |    |             v    | caught up
 *      |    |            catching_up --------------------> leader
 *      |    |                            lock won
 *      |    | user unknown
 *      |    v
 *      +-- fallback <--- sharing forbidden, from follower or catching_up
 *     live, once, if no token came in time
 *
 *     A leader without a usable token resigns once, so that another tab tries with its token. A visible follower takes
 *     the lock from a hidden leader, whose timers the browser slows down. A token of another user leads from any role
 *     to follower among that user's tabs; nothing received before is passed on to them.
 *
 *     suspended: the page is frozen; from follower, catching_up and leader, and on resume back to follower
 *     closed:    before the start, and after close() from any role; reconnect() leads to identifying
 */

/** How often a visible follower checks that the leader is alive. */
const CHECK_LEADER_MS = 15_000;
/** How long the leader may take to answer. A phone freezes background tabs without releasing their locks. */
const LEADER_TIMEOUT_MS = 3000;
/** How long a tab is visible, at least and at most, before it takes over from a hidden leader: a glance is shorter. */
const TAKE_OVER_MS = [3000, 6000] as const;

/**
 * Applies one input.
 * @param now Milliseconds since 1970.
 * @returns The next state, and the effects to run in this order.
 */
export function stepTab(
  state: TabState,
  input: TabInput,
  now: number,
  random: () => number = Math.random,
): [TabState, TabEffect[]] {
  const draft: Draft = { ...state, effects: [], now, random };
  if (input.type === "visible") draft.isVisible = true;
  if (input.type === "hidden") draft.isVisible = false;
  if (input.type === "live" || input.type === "connect" || input.type === "refresh") draft.hasFailed = false;
  const isLate = "identification" in input && input.identification !== state.identification;
  // The table pairs each type of input with a transition that takes it, which the compiler cannot follow.
  if (!isLate) (TRANSITIONS[state.role][input.type] as Transition | undefined)?.(draft, input);
  const { effects, now: _now, random: _random, ...next } = draft;
  return [next, effects];
}

type Draft = { -readonly [K in keyof TabState]: TabState[K] } & {
  readonly effects: TabEffect[];
  readonly now: number;
  readonly random: () => number;
};
type Transition<I extends TabInput = TabInput> = (draft: Draft, input: I) => void;
type Transitions = { readonly [T in TabInput["type"]]?: Transition<Extract<TabInput, { type: T }>> };

/** What a tab does that follows, with or without a temporary socket. */
const FOLLOWING: Transitions = {
  lock_won: lead,
  lock_stolen: followAgain,
  sharing_forbidden: fallBack,
  user_changed: changeUser,
  connect: (draft) => draft.effects.push({ type: "ask_leader_to", action: "reconnect" }),
  refresh: (draft) => draft.effects.push({ type: "ask_leader_to", action: "refresh" }),
  tick: watchLeader,
  visible: lookAtTab,
  hidden: stopLooking,
  online: wakeLeader,
  suspend,
  close,
};

/** What each role does about each input. A role ignores the inputs that it does not list. */
const TRANSITIONS: { readonly [R in Role]: Transitions } = {
  closed: {
    connect: identify,
  },
  identifying: {
    identified: takeUser,
    token_failed: fallBackForNow,
    tick: (draft) => draft.now >= draft.identifyBy && fallBackForNow(draft),
    close,
  },
  fallback: {
    live: (draft) => draft.shouldIdentifyAgain && identify(draft),
    connect: reconnectSocket,
    refresh: refreshSocket,
    close,
  },
  follower: {
    ...FOLLOWING,
    message: followLeader,
    message_missing: askLeader,
    history_missing: fetchMissing,
  },
  catching_up: {
    ...FOLLOWING,
    message: noticeLeader,
    caught_up: resumeFollowing,
  },
  leader: {
    message: serveFollowers,
    lock_stolen: followAgain,
    resign,
    user_changed: changeUser,
    connect: reconnectSocket,
    refresh: refreshSocket,
    suspend,
    close,
  },
  suspended: {
    resume: (draft) => join(draft, false),
    close,
  },
};

function identify(draft: Draft): void {
  leave(draft);
  draft.role = "identifying";
  draft.shouldIdentifyAgain = false;
  draft.identifyBy = draft.now + draft.identifyTimeoutMs;
  draft.effects.push({ type: "identify", identification: ++draft.identification });
}

function takeUser(draft: Draft, { user }: { user: string | null }): void {
  // Only tabs of the same user share a socket: no user may receive what only another one may.
  if (user === null) fallBack(draft);
  else {
    draft.user = user;
    join(draft, true);
  }
}

/** There is no token yet. The socket gets its own; then the user is known, and there is one more chance to share. */
function fallBackForNow(draft: Draft): void {
  fallBack(draft);
  draft.shouldIdentifyAgain = draft.identification === 1;
}

function fallBack(draft: Draft): void {
  leave(draft);
  draft.role = "fallback";
  draft.effects.push({ type: "open_socket" });
}

/** @param isNew Whether the tab has just been identified. */
function join(draft: Draft, isNew: boolean): void {
  draft.effects.push({ type: "open_channel", user: draft.user });
  startFollowing(draft, isNew);
}

function startFollowing(draft: Draft, isNew: boolean): void {
  Object.assign(draft, NO_DEADLINES);
  draft.role = "follower";
  draft.checkLeaderAt = draft.now + CHECK_LEADER_MS;
  draft.effects.push({ type: "say_hello", isNew }, { type: "request_lock", shouldSteal: false });
}

function followAgain(draft: Draft): void {
  draft.effects.push({ type: "close_socket" }, { type: "release_lock" });
  startFollowing(draft, false);
}

function followLeader(draft: Draft, { message }: { message: TabMessage }): void {
  noticeLeader(draft, { message });
  if (message.type === "outputs") draft.effects.push({ type: "apply_outputs", message });
  if (message.type === "catch_up" && message.to === draft.id)
    draft.effects.push({ type: "apply_catch_up", catchUp: message.catchUp });
}

/** Only the leader sends these messages, so it is alive. */
function noticeLeader(draft: Draft, { message }: { message: TabMessage }): void {
  if (message.type !== "outputs" && message.type !== "catch_up") return;
  draft.leaderAnswersBy = NEVER;
  const [least, most] = TAKE_OVER_MS;
  if (message.isVisible || !draft.isVisible) draft.takeOverAt = NEVER;
  else if (draft.takeOverAt === NEVER) draft.takeOverAt = draft.now + least + draft.random() * (most - least);
  const isLive = ({ output }: RelayedOutput) => output.type === "status" && output.status.state === "live";
  if (message.type === "outputs" && message.outputs.some(isLive)) draft.hasFailed = false;
}

/** The leader need not wait: the user looks at this tab. */
function lookAtTab(draft: Draft, input: PageInput): void {
  stopLooking(draft);
  wakeLeader(draft, input);
  checkLeader(draft);
}

function stopLooking(draft: Draft): void {
  draft.takeOverAt = NEVER;
}

/** Passes on what happened to this page, because the browser may tell the leader's later or not at all. */
function wakeLeader(draft: Draft, input: PageInput): void {
  draft.effects.push({ type: "post", message: { type: "page", input } });
}

/** Nothing of the former user may reach the tabs of another one. */
function changeUser(draft: Draft, input: { user: string | null }): void {
  leave(draft);
  draft.effects.push({ type: "forget" });
  takeUser(draft, input);
}

function resign(draft: Draft): void {
  draft.hasFailed = true;
  followAgain(draft);
}

function askLeader(draft: Draft): void {
  draft.effects.push({ type: "say_hello", isNew: false });
}

function checkLeader(draft: Draft): void {
  askLeader(draft);
  draft.leaderAnswersBy = draft.now + LEADER_TIMEOUT_MS;
  draft.checkLeaderAt = draft.now + CHECK_LEADER_MS;
}

function watchLeader(draft: Draft): void {
  if (draft.now >= Math.min(draft.leaderAnswersBy, draft.takeOverAt)) {
    draft.leaderAnswersBy = NEVER;
    draft.takeOverAt = NEVER;
    draft.effects.push({ type: "release_lock" }, { type: "request_lock", shouldSteal: true });
  }
  if (draft.now < draft.checkLeaderAt) return;
  if (draft.isVisible) checkLeader(draft);
  // A hidden tab checks when it is shown.
  else draft.checkLeaderAt = NEVER;
}

function fetchMissing(draft: Draft, { until }: { until: Position }): void {
  draft.role = "catching_up";
  draft.effects.push({ type: "fetch_missing", until });
}

function resumeFollowing(draft: Draft): void {
  draft.role = "follower";
  draft.effects.push({ type: "close_socket" });
  askLeader(draft);
}

function lead(draft: Draft): void {
  Object.assign(draft, NO_DEADLINES);
  // The temporary socket, if the tab was catching up.
  draft.effects.push({ type: "close_socket" }, { type: "open_socket" });
  draft.role = "leader";
}

function serveFollowers(draft: Draft, { message }: { message: TabMessage }): void {
  if (message.type === "hello") draft.effects.push({ type: "answer_hello", hello: message });
  if (message.type === "reconnect") draft.effects.push({ type: "reconnect_socket", token: message.token });
  if (message.type === "refresh") draft.effects.push({ type: "refresh_socket", token: message.token });
  if (message.type === "page") draft.effects.push({ type: "wake_socket", input: message.input });
}

function reconnectSocket(draft: Draft): void {
  draft.effects.push({ type: "reconnect_socket", token: null });
}

function refreshSocket(draft: Draft): void {
  draft.effects.push({ type: "refresh_socket", token: null });
}

function suspend(draft: Draft): void {
  leave(draft);
  draft.role = "suspended";
}

function close(draft: Draft): void {
  leave(draft);
  draft.role = "closed";
  draft.effects.push({ type: "report_closed" });
}

/** Gives up the socket, the lock and the channel: a page with any of these may not enter the back-forward cache. */
function leave(draft: Draft): void {
  Object.assign(draft, NO_DEADLINES);
  draft.effects.push({ type: "close_socket" }, { type: "release_lock" }, { type: "close_channel" });
}
