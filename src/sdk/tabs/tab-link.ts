import type { Link, Output, Share } from "../connection/link.ts";
import { watchPage } from "../connection/page.ts";
import { runMachine } from "../connection/runner.ts";
import { parseToken, readToken } from "../connection/token.ts";
import { DEFAULT_TUNING } from "../connection/tuning.ts";
import type { Position } from "../connection/types.ts";
import { handOver, isTokenRefused, passOn, type Tab, tokenOfUser } from "./hand-over.ts";
import type { RelayedOutput, TabMessage } from "./messages.ts";
import { Relay } from "./relay.ts";
import { ChannelReplica } from "./replica.ts";
import { TabGroup } from "./tab-group.ts";
import { stepTab } from "./tab-machine.ts";
import { initialTabState, nextTabTick, type TabEffect, type TabInput, type TabState } from "./tab-machine-state.ts";
import { TabSocket } from "./tab-socket.ts";
import { TabTokens } from "./tab-tokens.ts";

/** Runs the tab's state machine with a real group of tabs, page and socket. */
export function openTabLink(share: Share): Link {
  const id = String(Math.random());
  const identifyTimeoutMs = share.tuning.connectTimeoutMs ?? DEFAULT_TUNING.connectTimeoutMs;
  const machine = runMachine<TabState, TabInput, TabEffect>(
    initialTabState(id, identifyTimeoutMs),
    stepTab,
    nextTabTick,
    run,
  );
  const { take } = machine;
  const replica = new ChannelReplica(share.position, share.onOutput);
  const tokens = new TabTokens(share.getToken);
  const socket = new TabSocket(share.open, () => tokenOfUser(tab));
  const tab: Tab = { machine, tokens, socket, group: null };
  const post = (message: TabMessage) => tab.group?.post(message);
  const relay = new Relay(replica, () => machine.state.isVisible, post);
  let unwatchPage: (() => void) | undefined;

  const effects: { [T in TabEffect["type"]]: (effect: Extract<TabEffect, { type: T }>) => void } = {
    identify: ({ identification }) => void identify(identification),
    open_channel: ({ user }) => openGroup(user),
    close_channel() {
      tab.group?.close();
      tab.group = null;
      // The next group may be another user's.
      relay.clear();
    },
    request_lock: ({ shouldSteal }) => tab.group?.requestLock(shouldSteal),
    release_lock: () => tab.group?.releaseLock(),
    say_hello: ({ isNew }) => post({ type: "hello", from: id, position: replica.position, isNew }),
    answer_hello({ hello }) {
      // A new tab may have a better token, so it leads first.
      if (hello.isNew && replica.status.state === "closed") void passOn(tab);
      else relay.answer(hello);
    },
    post: ({ message }) => post(message),
    apply_outputs({ message }) {
      relay.lagMs = message.lagMs;
      applyOutputs(message.outputs);
    },
    apply_catch_up({ catchUp }) {
      if (replica.catchUp(catchUp) === "missing") take({ type: "history_missing", until: catchUp.start });
    },
    open_socket: lead,
    fetch_missing: ({ until }) => fetchMissing(until),
    close_socket: () => socket.close(),
    reconnect_socket({ token }) {
      tokens.handedIn = token;
      socket.link?.reconnect();
    },
    refresh_socket({ token }) {
      tokens.handedIn = token;
      socket.link?.refreshToken();
    },
    ask_leader_to: ({ action }) => void askLeaderTo(action),
    wake_socket: ({ input }) => socket.link?.take(input),
    forget() {
      replica.forget();
      relay.lagMs = null;
    },
    report_closed() {
      const reason = { code: 1000, name: "closed", message: "", userMustAct: false } as const;
      replica.apply({ type: "status", status: { state: "closed", isStale: true, reason } });
    },
  };

  function run(effect: TabEffect): void {
    // The table pairs each type of effect with a function that takes it, which the compiler cannot follow.
    (effects[effect.type] as (effect: TabEffect) => void)(effect);
  }

  async function identify(identification: number): Promise<void> {
    try {
      const { user } = parseToken(await tokens.fetch());
      take({ type: "identified", identification, user });
    } catch {
      take({ type: "token_failed", identification });
    }
  }

  async function askLeaderTo(action: "reconnect" | "refresh"): Promise<void> {
    const token = await tokens.fetchFresh().catch(() => null);
    const user = token === null ? machine.state.user : readToken(token).user;
    if (user === machine.state.user) post({ type: action, token });
    else take({ type: "user_changed", user });
  }

  function openGroup(user: string): void {
    try {
      tab.group = new TabGroup(user, share.name, take);
    } catch {
      take({ type: "sharing_forbidden" });
    }
  }

  function lead(): void {
    const wasLive = replica.position !== null;
    if (wasLive) replica.apply({ type: "status", status: { state: "recovering", isStale: false } });
    socket.open(replica.position, wasLive, (output) => {
      // The first outputs may arrive before the socket is assigned.
      relay.lagMs = socket.link?.lagMs ?? null;
      if (tab.group && isTokenRefused(output)) void handOver(tab, () => relayOutput(output));
      else relayOutput(output);
    });
  }

  function relayOutput(output: Output): void {
    relay.add(output);
    if (output.type === "status" && output.status.state === "live") take({ type: "live" });
  }

  function applyOutputs(outputs: RelayedOutput[]): void {
    for (const { output, after } of outputs) {
      // The page called `close()` from a callback.
      if (!unwatchPage) return;
      if (replica.apply(output, after) === "missing") {
        take({ type: "message_missing" });
        return;
      }
    }
  }

  function fetchMissing(until: Position): void {
    socket.open(replica.position, true, (output) => {
      const isRefused = output.type === "status" && output.status.state === "closed";
      // If the service refuses, the missed events are lost.
      replica.apply(isRefused ? { type: "gap", gap: { from: null, to: until } } : output);
      const { position } = replica;
      if (position?.epoch !== until.epoch || position.seq >= until.seq) take({ type: "caught_up" });
    });
  }

  function reconnect(): void {
    unwatchPage ??= watchPage(take);
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
      unwatchPage?.();
      unwatchPage = undefined;
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
