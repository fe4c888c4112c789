import { NEVER } from "../connection/machine-state.ts";
import type { PageInput } from "../connection/page.ts";
import type { Position } from "../connection/types.ts";
import type { TabMessage } from "./messages.ts";
import { NO_DEADLINES, type TabDraft } from "./tab-machine-state.ts";

/** The follower's transitions: it delivers what the leader relays, and takes over when the leader does not answer. */

/** How often a visible follower checks that the leader is alive. */
const CHECK_LEADER_MS = 15_000;
/** How long the leader may take to answer. A phone freezes background tabs without releasing their locks. */
const LEADER_TIMEOUT_MS = 3000;
/** A tab takes over from a hidden leader after being visible for a random time in this range: a glance is shorter. */
const TAKE_OVER_MS = [3000, 6000] as const;

export function startFollowing(draft: TabDraft, isNew: boolean): void {
  Object.assign(draft, NO_DEADLINES);
  draft.role = "follower";
  // The leader may be frozen, so the first check comes soon. The first hello sets no deadline for an answer: a tab that is
  // just becoming the leader does not receive it.
  draft.checkLeaderAt = draft.now + LEADER_TIMEOUT_MS;
  draft.effects.push({ type: "say_hello", isNew }, { type: "request_lock", shouldSteal: false });
}

export function followLeader(draft: TabDraft, { message }: { message: TabMessage }): void {
  noticeLeader(draft, { message });
  if (message.type === "outputs") draft.effects.push({ type: "apply_outputs", message });
  if (message.type === "catch_up" && message.to === draft.id)
    draft.effects.push({ type: "apply_catch_up", catchUp: message.catchUp });
}

/** Only the leader sends these messages, so it is alive. */
export function noticeLeader(draft: TabDraft, { message }: { message: TabMessage }): void {
  if (message.type !== "outputs" && message.type !== "catch_up") return;
  draft.leaderAnswersBy = NEVER;
  const [least, most] = TAKE_OVER_MS;
  if (message.isVisible || !draft.isVisible) draft.takeOverAt = NEVER;
  else if (draft.takeOverAt === NEVER) draft.takeOverAt = draft.now + least + draft.random() * (most - least);
  const statuses =
    message.type === "catch_up"
      ? [message.catchUp.status]
      : message.outputs.flatMap(({ output }) => (output.type === "status" ? [output.status] : []));
  if (statuses.some(({ state }) => state === "live")) draft.hasFailed = false;
}

/** The user looks at this tab, so the leader should not wait for its back-off. */
export function showTab(draft: TabDraft, input: PageInput): void {
  draft.takeOverAt = NEVER;
  wakeLeader(draft, input);
  checkLeader(draft);
}

export function hideTab(draft: TabDraft): void {
  draft.takeOverAt = NEVER;
}

/** Tells the leader what happened to this page. The browser may report it to the leader's page later, or never. */
export function wakeLeader(draft: TabDraft, input: PageInput): void {
  draft.effects.push({ type: "post", message: { type: "page", input } });
}

export function askLeader(draft: TabDraft): void {
  draft.effects.push({ type: "say_hello", isNew: false });
}

function checkLeader(draft: TabDraft): void {
  askLeader(draft);
  draft.leaderAnswersBy = draft.now + LEADER_TIMEOUT_MS;
  draft.checkLeaderAt = draft.now + CHECK_LEADER_MS;
}

export function watchLeader(draft: TabDraft): void {
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

export function fetchMissing(draft: TabDraft, { until }: { until: Position }): void {
  draft.role = "catching_up";
  draft.effects.push({ type: "fetch_missing", until });
}

export function resumeFollowing(draft: TabDraft): void {
  draft.role = "follower";
  draft.effects.push({ type: "close_socket" });
  askLeader(draft);
}
