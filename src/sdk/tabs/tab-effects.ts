import type { Output } from "../connection/link.ts";
import { parseToken, readToken } from "../connection/token.ts";
import { handOver, isTokenRefused, passOn } from "./hand-over.ts";
import type { ChannelReplica } from "./replica.ts";
import type { Tab } from "./tab.ts";
import { TabGroup } from "./tab-group.ts";
import type { TabEffect } from "./tab-machine-state.ts";

/** What the tab's state machine does through the tab's group, socket and replica. */

type EffectOf<T extends TabEffect["type"]> = Extract<TabEffect, { type: T }>;

export function runTabEffect(tab: Tab, effect: TabEffect): void {
  // The table pairs each type of effect with a function that takes it, which the compiler cannot follow.
  (EFFECTS[effect.type] as (tab: Tab, effect: TabEffect) => void)(tab, effect);
}

const EFFECTS: { readonly [T in TabEffect["type"]]: (tab: Tab, effect: EffectOf<T>) => void } = {
  identify: findUser,
  open_channel: openGroup,
  close_channel(tab) {
    tab.group?.close();
    tab.group = null;
    // The next group may be another user's.
    tab.relay.clear();
  },
  request_lock: ({ group }, { shouldSteal }) => group?.requestLock(shouldSteal),
  release_lock: ({ group }) => group?.releaseLock(),
  say_hello: ({ group, machine, replica }, { isNew }) =>
    group?.post({ type: "hello", from: machine.state.id, position: replica.position, isNew }),
  answer_hello(tab, { hello }) {
    // The new tab may have a better token. Lets the waiting tabs try before reporting that the connection is closed.
    if (hello.isNew && tab.replica.status.state === "closed") void passOn(tab);
    else tab.relay.answer(hello);
  },
  post: ({ group }, { message }) => group?.post(message),
  apply_outputs: applyOutputs,
  apply_catch_up(tab, { catchUp }) {
    const result = tab.replica.catchUp(catchUp, () => tab.unwatchPage !== undefined);
    if (result === "missing") tab.machine.take({ type: "history_missing", until: catchUp.start });
  },
  open_socket: openSocketForAll,
  fetch_missing: openSocketUntil,
  close_socket: ({ socket }) => socket.close(),
  reconnect_socket({ socket, tokens }, { token }) {
    tokens.handedIn = token;
    socket.link?.reconnect();
  },
  refresh_socket({ socket, tokens }, { token }) {
    tokens.handedIn = token;
    socket.link?.refreshToken();
  },
  ask_leader_to: askLeaderTo,
  wake_socket: ({ socket }, { input }) => socket.link?.take(input),
  forget(tab) {
    reportInterruption(tab);
    tab.replica.forget();
    tab.relay.lagMs = null;
  },
  report_closed({ replica }) {
    const reason = { code: 1000, name: "closed", message: "", userMustAct: false } as const;
    replica.apply({ type: "status", status: { state: "closed", isStale: true, reason } });
  },
};

// Without a snapshot, too: `forget` dropped it, but `recovering` stays until the next socket is live.
const wasLive = ({ hasSnapshot, status }: ChannelReplica) => hasSnapshot || status.state === "recovering";

/** Replaces the status of an earlier socket, this tab's or the former leader's, with `recovering` or `connecting`. */
function reportInterruption({ replica }: Tab): void {
  if (replica.status.state === "connecting") return;
  const state = wasLive(replica) ? "recovering" : "connecting";
  replica.apply({ type: "status", status: { state, isStale: replica.status.isStale } });
}

async function findUser(tab: Tab, { identification }: EffectOf<"identify">): Promise<void> {
  const { machine, tokens } = tab;
  reportInterruption(tab);
  try {
    const { user } = parseToken(await tokens.fetch());
    machine.take({ type: "identified", identification, user });
  } catch {
    machine.take({ type: "token_failed", identification });
  }
}

async function askLeaderTo(tab: Tab, { action }: EffectOf<"ask_leader_to">): Promise<void> {
  const { machine, tokens } = tab;
  const token = await tokens.fetchFresh().catch(() => null);
  const user = token === null ? machine.state.user : readToken(token).user;
  if (user === machine.state.user) tab.group?.post({ type: action, token });
  else machine.take({ type: "user_changed", user });
}

function openGroup(tab: Tab, { user }: EffectOf<"open_channel">): void {
  const { take } = tab.machine;
  try {
    tab.group = new TabGroup(user, tab.share.name, take);
  } catch {
    take({ type: "sharing_forbidden" });
  }
}

function openSocketForAll(tab: Tab): void {
  const { relay, replica, socket } = tab;
  reportInterruption(tab);
  socket.open(replica.position, wasLive(replica), (output) => {
    // The first outputs may arrive before the socket is assigned.
    relay.lagMs = socket.link?.lagMs ?? null;
    if (tab.group && isTokenRefused(output)) void handOver(tab, () => relayOutput(tab, output));
    else relayOutput(tab, output);
  });
}

function relayOutput({ machine, relay }: Tab, output: Output): void {
  relay.add(output);
  if (output.type === "status" && output.status.state === "live") machine.take({ type: "live" });
}

function applyOutputs(tab: Tab, { message }: EffectOf<"apply_outputs">): void {
  tab.relay.lagMs = message.lagMs;
  for (const { output, after } of message.outputs) {
    // The page called `close()` from a callback.
    if (!tab.unwatchPage) return;
    if (tab.replica.apply(output, after) === "missing") {
      tab.machine.take({ type: "message_missing" });
      return;
    }
  }
}

function openSocketUntil({ machine, replica, socket }: Tab, { until }: EffectOf<"fetch_missing">): void {
  socket.open(replica.position, true, (output) => {
    const isRefused = output.type === "status" && output.status.state === "closed";
    // If the service refuses, the missed events are lost.
    replica.apply(isRefused ? { type: "gap", gap: { from: null, to: until } } : output);
    const { position } = replica;
    if (position?.epoch !== until.epoch || position.seq >= until.seq) machine.take({ type: "caught_up" });
  });
}
