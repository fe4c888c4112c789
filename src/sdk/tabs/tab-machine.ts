import type { Transitions } from "../connection/runner.ts";
import {
  askLeader,
  fetchMissing,
  followLeader,
  hideTab,
  noticeLeader,
  resumeFollowing,
  showTab,
  startFollowing,
  wakeLeader,
  watchLeader,
} from "./follower.ts";
import type { TabMessage } from "./messages.ts";
import {
  NO_DEADLINES,
  type Role,
  type TabDraft,
  type TabEffect,
  type TabInput,
  type TabState,
} from "./tab-machine-state.ts";

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
 *     live, if no token came in time; once until close()
 *
 *     A leader without a usable token resigns once, so that another tab tries with its token. A visible follower takes
 *     the lock from a hidden leader, whose timers the browser slows down. In follower, catching_up and leader, a token
 *     of another user leads to follower among that user's tabs, or to fallback if it has no subject; nothing received
 *     before is passed on.
 *
 *     suspended: the page is frozen; from follower, catching_up and leader, and on resume back to follower
 *     closed:    before the start, and after close() from any role; reconnect() leads to identifying
 */

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
  const draft: TabDraft = { ...state, effects: [], now, random };
  if (input.type === "visible") draft.isVisible = true;
  if (input.type === "hidden") draft.isVisible = false;
  if (input.type === "live" || input.type === "connect" || input.type === "refresh") draft.hasFailed = false;
  const isLate = "identification" in input && input.identification !== state.identification;
  // The table pairs each type of input with a transition that takes it, which the compiler cannot follow.
  if (!isLate)
    (TRANSITIONS[state.role][input.type] as ((draft: TabDraft, input: TabInput) => void) | undefined)?.(draft, input);
  const { effects, now: _now, random: _random, ...next } = draft;
  return [next, effects];
}

/** The transitions of a following tab, with or without a temporary socket. */
const FOLLOWING: Transitions<TabDraft, TabInput> = {
  lock_won: lead,
  lock_stolen: followAgain,
  sharing_forbidden: fallBack,
  user_changed: changeUser,
  connect: (draft) => draft.effects.push({ type: "ask_leader_to", action: "reconnect" }),
  refresh: (draft) => draft.effects.push({ type: "ask_leader_to", action: "refresh" }),
  tick: watchLeader,
  visible: showTab,
  hidden: hideTab,
  online: wakeLeader,
  suspend,
  close,
};

/** What the page's calls do in the leader and in fallback. */
const WITH_SOCKET: Transitions<TabDraft, TabInput> = {
  connect: (draft) => draft.effects.push({ type: "reconnect_socket", token: null }),
  refresh: (draft) => draft.effects.push({ type: "refresh_socket", token: null }),
  close,
};

/** Each role's transition for each input. A role ignores the inputs that it does not list. */
const TRANSITIONS: { readonly [R in Role]: Transitions<TabDraft, TabInput> } = {
  closed: {
    connect(draft) {
      draft.shouldIdentifyAgain = true;
      identify(draft);
    },
  },
  identifying: {
    identified: takeUser,
    token_failed: fallBack,
    tick: (draft) => draft.now >= draft.identifyBy && fallBack(draft),
    close,
  },
  fallback: {
    ...WITH_SOCKET,
    live: identifyAgain,
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
    ...WITH_SOCKET,
    message: serveFollowers,
    lock_stolen: followAgain,
    resign,
    user_changed: changeUser,
    suspend,
  },
  suspended: {
    resume: (draft) => join(draft, false),
    close,
  },
};

function identify(draft: TabDraft): void {
  leave(draft);
  draft.role = "identifying";
  draft.identifyBy = draft.now + draft.identifyTimeoutMs;
  draft.effects.push({ type: "identify", identification: ++draft.identification });
}

/** Tries to share again. No token arrived in time, or getting one failed, but the live socket shows that there is one. */
function identifyAgain(draft: TabDraft): void {
  if (!draft.shouldIdentifyAgain) return;
  draft.shouldIdentifyAgain = false;
  identify(draft);
}

function takeUser(draft: TabDraft, { user }: { user: string | null }): void {
  draft.shouldIdentifyAgain = false;
  // Only tabs of the same user share a socket, so that no user receives another's events.
  if (user === null) fallBack(draft);
  else {
    draft.user = user;
    join(draft, true);
  }
}

function fallBack(draft: TabDraft): void {
  leave(draft);
  draft.role = "fallback";
  draft.effects.push({ type: "open_socket" });
}

/** @param isNew Whether the tab has just been identified. */
function join(draft: TabDraft, isNew: boolean): void {
  draft.effects.push({ type: "open_channel", user: draft.user });
  startFollowing(draft, isNew);
}

function followAgain(draft: TabDraft): void {
  draft.effects.push({ type: "close_socket" }, { type: "release_lock" });
  startFollowing(draft, false);
}

/** Discards everything received, so that none of it reaches the tabs of another user. */
function changeUser(draft: TabDraft, input: { user: string | null }): void {
  leave(draft);
  draft.effects.push({ type: "forget" });
  takeUser(draft, input);
}

function resign(draft: TabDraft): void {
  draft.hasFailed = true;
  followAgain(draft);
}

function lead(draft: TabDraft): void {
  Object.assign(draft, NO_DEADLINES);
  // Closes the temporary socket, if the tab was catching up.
  draft.effects.push({ type: "close_socket" }, { type: "open_socket" });
  draft.role = "leader";
}

function serveFollowers(draft: TabDraft, { message }: { message: TabMessage }): void {
  if (message.type === "hello") draft.effects.push({ type: "answer_hello", hello: message });
  if (message.type === "reconnect") draft.effects.push({ type: "reconnect_socket", token: message.token });
  if (message.type === "refresh") draft.effects.push({ type: "refresh_socket", token: message.token });
  if (message.type === "page") draft.effects.push({ type: "wake_socket", input: message.input });
}

function suspend(draft: TabDraft): void {
  leave(draft);
  draft.role = "suspended";
}

function close(draft: TabDraft): void {
  leave(draft);
  draft.role = "closed";
  draft.effects.push({ type: "report_closed" });
}

/** Gives up the socket, the lock and the channel: a page with any of these may not enter the back-forward cache. */
function leave(draft: TabDraft): void {
  Object.assign(draft, NO_DEADLINES);
  draft.effects.push({ type: "close_socket" }, { type: "release_lock" }, { type: "close_channel" });
}
