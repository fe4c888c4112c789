import { DISCONNECTED_REASON, UNAUTHENTICATED } from "../../protocol/close-rules.ts";
import type { Link, Output, Share } from "../connection/link.ts";
import { watchPage } from "../connection/page.ts";
import { runMachine } from "../connection/runner.ts";
import { parseToken, readToken } from "../connection/token.ts";
import { DEFAULT_TUNING } from "../connection/tuning.ts";
import type { Position } from "../connection/types.ts";
import type { Hello, RelayedOutput } from "./messages.ts";
import { ChannelReplica } from "./replica.ts";
import { TabGroup } from "./tab-group.ts";
import { stepTab } from "./tab-machine.ts";
import { initialTabState, nextTabTick, type TabEffect, type TabInput, type TabState } from "./tab-machine-state.ts";
import { TabTokens } from "./tab-tokens.ts";

/** After this many failed token requests in a row, another tab takes over. */
const MAX_TOKEN_FAILURES = 3;

/** False when the service disconnected the user: another tab's token would be refused as well. */
const isTokenRefused = (output: Output) =>
  output.type === "status" &&
  output.status.state === "closed" &&
  output.status.reason.code === UNAUTHENTICATED &&
  output.status.reason.message !== DISCONNECTED_REASON;

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
  let lagMs: number | null = null;
  let group: TabGroup | null = null;
  let socket: Link | null = null;
  /** Outputs of sockets other than the current one are ignored. */
  let socketNumber = 0;
  let outbox: RelayedOutput[] = [];
  let unwatchPage: (() => void) | undefined;

  const effects: { [T in TabEffect["type"]]: (effect: Extract<TabEffect, { type: T }>) => void } = {
    identify: ({ identification }) => void identify(identification),
    open_channel: ({ user }) => openGroup(user),
    close_channel() {
      group?.close();
      group = null;
      // The next group may be another user's.
      outbox = [];
    },
    request_lock: ({ shouldSteal }) => group?.requestLock(shouldSteal),
    release_lock: () => group?.releaseLock(),
    say_hello: ({ isNew }) => group?.post({ type: "hello", from: id, position: replica.position, isNew }),
    answer_hello: ({ hello }) => answerHello(hello),
    post: ({ message }) => group?.post(message),
    apply_outputs({ message }) {
      lagMs = message.lagMs;
      applyOutputs(message.outputs);
    },
    apply_catch_up({ catchUp }) {
      if (replica.catchUp(catchUp) === "missing") take({ type: "history_missing", until: catchUp.start });
    },
    open_socket: lead,
    fetch_missing: ({ until }) => fetchMissing(until),
    close_socket() {
      socketNumber++;
      socket?.close();
      socket = null;
    },
    reconnect_socket({ token }) {
      tokens.handedIn = token;
      socket?.reconnect();
    },
    refresh_socket({ token }) {
      tokens.handedIn = token;
      socket?.refreshToken();
    },
    ask_leader_to: ({ action }) => void askLeaderTo(action),
    wake_socket: ({ input }) => socket?.take(input),
    forget() {
      replica.forget();
      lagMs = null;
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

  /** Returns a token of the group's user. While that takes too long or keeps failing, another tab may lead. */
  async function tokenOfUser(): Promise<string> {
    const timer = setTimeout(handOver, identifyTimeoutMs);
    try {
      const { token, user } = await tokens.next();
      if (group && user !== machine.state.user) {
        take({ type: "user_changed", user });
        throw new Error("The page has a token of another user");
      }
      return token;
    } catch (error) {
      if (tokens.failures >= MAX_TOKEN_FAILURES) void handOver();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets another tab lead with its own token. @param otherwise Runs if no other tab is left to try. */
  async function handOver(otherwise = () => {}): Promise<void> {
    const number = socketNumber;
    if (!group) return;
    const isNext = !machine.state.hasFailed && (await group.isLockAwaited());
    if (number !== socketNumber) return;
    if (isNext) take({ type: "resign" });
    else otherwise();
  }

  /** Lets the tab that waits for the lock lead, or reconnects if there is none. */
  async function passOn(): Promise<void> {
    if (await group?.isLockAwaited()) take({ type: "resign" });
    else socket?.reconnect();
  }

  async function askLeaderTo(action: "reconnect" | "refresh"): Promise<void> {
    const token = await tokens.fetchFresh().catch(() => null);
    const user = token === null ? machine.state.user : readToken(token).user;
    if (user === machine.state.user) group?.post({ type: action, token });
    else take({ type: "user_changed", user });
  }

  function openGroup(user: string): void {
    try {
      group = new TabGroup(user, share.name, take);
    } catch {
      take({ type: "sharing_forbidden" });
    }
  }

  function openSocket(wasLive: boolean, onOutput: (output: Output) => void): void {
    const number = ++socketNumber;
    const receive = (output: Output) => {
      if (number === socketNumber) onOutput(output);
    };
    socket = share.open(replica.position, wasLive, receive, tokenOfUser);
  }

  function lead(): void {
    const wasLive = replica.position !== null;
    if (wasLive) replica.apply({ type: "status", status: { state: "recovering", isStale: false } });
    openSocket(wasLive, (output) => {
      // The first outputs may arrive before the socket is assigned.
      lagMs = socket?.lagMs ?? null;
      if (group && isTokenRefused(output)) void handOver(() => relayOutput(output));
      else relayOutput(output);
    });
  }

  function relayOutput(output: Output): void {
    const after = replica.position;
    replica.apply(output);
    if (outbox.push({ output, after }) === 1) queueMicrotask(relay);
    if (output.type === "status" && output.status.state === "live") take({ type: "live" });
  }

  /** Outputs that arrive together go out in one message. */
  function relay(): void {
    if (outbox.length === 0) return;
    group?.post({ type: "outputs", outputs: outbox, lagMs, isVisible: machine.state.isVisible });
    outbox = [];
  }

  function answerHello({ from, position, isNew }: Hello): void {
    const { status } = replica;
    const { isVisible } = machine.state;
    // A new tab may have a better token, so it leads first.
    if (isNew && status.state === "closed") void passOn();
    else {
      const catchUp = replica.catchUpFor(position);
      const outputs: RelayedOutput[] = [{ output: { type: "status", status }, after: null }];
      if (catchUp) group?.post({ type: "catch_up", to: from, catchUp, isVisible });
      else group?.post({ type: "outputs", outputs, lagMs: null, isVisible });
    }
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
    openSocket(true, (output) => {
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
      return lagMs;
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
