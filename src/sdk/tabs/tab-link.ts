import { DISCONNECTED_REASON, UNAUTHENTICATED } from "../../protocol/close-rules.ts";
import type { Link, Output, Share } from "../connection/link.ts";
import { platform, watchPage } from "../connection/page.ts";
import { runMachine } from "../connection/runner.ts";
import { parseToken, readToken } from "../connection/token.ts";
import { DEFAULT_TUNING } from "../connection/tuning.ts";
import type { Position } from "../connection/types.ts";
import type { Hello, RelayedOutput, TabMessage } from "./messages.ts";
import { ChannelReplica } from "./replica.ts";
import { stepTab } from "./tab-machine.ts";
import { initialTabState, nextTabTick, type TabEffect, type TabInput, type TabState } from "./tab-machine-state.ts";

/** Part of the lock's and the channel's name: tabs with different versions of the SDK may be open at the same time. */
const PROTOCOL = "tabs.v2";
/** After this many failed token requests in a row, another tab tries. */
const MAX_TOKEN_FAILURES = 3;

/** A user who was disconnected by the service is so in every tab. */
const isTokenRefused = (output: Output) =>
  output.type === "status" &&
  output.status.state === "closed" &&
  output.status.reason.code === UNAUTHENTICATED &&
  output.status.reason.message !== DISCONNECTED_REASON;

/** Runs the tab's state machine with a real BroadcastChannel, Web Lock, page and socket. */
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
  let lagMs: number | null = null;
  let channel: BroadcastChannel | null = null;
  let lockName = "";
  let lock: AbortController | null = null;
  let socket: Link | null = null;
  /** Outputs of sockets other than the current one are ignored. */
  let socketNumber = 0;
  let outbox: RelayedOutput[] = [];
  let unwatchPage: (() => void) | undefined;
  let inFlight: Promise<string> | undefined;
  /** A token from the page of another tab, for the next request of the socket. */
  let handedIn: string | null = null;
  /** Token requests of the leader's socket that failed in a row. */
  let tokenFailures = 0;

  function run(effect: TabEffect): void {
    switch (effect.type) {
      case "identify":
        void identify(effect.identification);
        return;
      case "open_channel":
        openChannel(effect.user);
        return;
      case "close_channel":
        channel?.close();
        channel = null;
        return;
      case "request_lock":
        requestLock(effect.shouldSteal);
        return;
      case "release_lock":
        lock?.abort();
        lock = null;
        return;
      case "say_hello":
        post({ type: "hello", from: id, position: replica.position, isNew: effect.isNew });
        return;
      case "answer_hello":
        answerHello(effect.hello);
        return;
      case "post":
        post(effect.message);
        return;
      case "apply_outputs":
        lagMs = effect.message.lagMs;
        applyOutputs(effect.message.outputs);
        return;
      case "apply_catch_up":
        if (replica.catchUp(effect.catchUp) === "missing")
          take({ type: "history_missing", until: effect.catchUp.start });
        return;
      case "open_socket":
        lead();
        return;
      case "fetch_missing":
        fetchMissing(effect.until);
        return;
      case "close_socket":
        socketNumber++;
        socket?.close();
        socket = null;
        return;
      case "reconnect_socket":
        handedIn = effect.token;
        socket?.reconnect();
        return;
      case "refresh_socket":
        handedIn = effect.token;
        socket?.refreshToken();
        return;
      case "ask_leader_to":
        void askLeaderTo(effect.action);
        return;
      case "wake_socket":
        socket?.take(effect.input);
        return;
      case "forget":
        replica.forget();
        lagMs = null;
        return;
      case "report_closed": {
        const reason = { code: 1000, name: "closed", message: "", userMustAct: false } as const;
        replica.apply({ type: "status", status: { state: "closed", isStale: true, reason } });
      }
    }
  }

  async function identify(identification: number): Promise<void> {
    try {
      const { user } = parseToken(await fetchToken());
      take({ type: "identified", identification, user });
    } catch {
      take({ type: "token_failed", identification });
    }
  }

  /** Calls `getToken` once at a time. */
  function fetchToken(): Promise<string> {
    inFlight ??= Promise.resolve()
      .then(() => share.getToken())
      .finally(() => {
        inFlight = undefined;
      });
    return inFlight;
  }

  /** A token for a socket of this group. Without one, another tab may have one. */
  async function tokenOfUser(): Promise<string> {
    const timer = setTimeout(handOver, identifyTimeoutMs);
    try {
      const token = handedIn ?? (await fetchToken());
      handedIn = null;
      const { user } = parseToken(token);
      if (channel && user !== machine.state.user) {
        take({ type: "user_changed", user });
        throw new Error("The page has a token of another user");
      }
      tokenFailures = 0;
      return token;
    } catch (error) {
      if (++tokenFailures >= MAX_TOKEN_FAILURES) void handOver();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets another tab try to lead with its own token. @param otherwise Runs if there is none that has not failed yet. */
  async function handOver(otherwise = () => {}): Promise<void> {
    const number = socketNumber;
    if (!channel) return;
    const isNext = !machine.state.hasFailed && (await isAwaited());
    if (number !== socketNumber) return;
    if (isNext) take({ type: "resign" });
    else otherwise();
  }

  /** Lets the tab that waits for the lock lead. */
  async function passOn(): Promise<void> {
    if (await isAwaited()) take({ type: "resign" });
    else socket?.reconnect();
  }

  async function isAwaited(): Promise<boolean> {
    const { pending = [] } = await navigator.locks.query();
    return pending.some(({ name }) => name === lockName);
  }

  async function askLeaderTo(action: "reconnect" | "refresh"): Promise<void> {
    // A call in flight may return the token of before.
    await inFlight?.catch(() => {});
    const token = await fetchToken().catch(() => null);
    const user = token === null ? machine.state.user : readToken(token).user;
    if (user === machine.state.user) post({ type: action, token });
    else take({ type: "user_changed", user });
  }

  function openChannel(user: string): void {
    const { navigator, BroadcastChannel } = platform;
    try {
      if (!navigator?.locks || !BroadcastChannel) throw new TypeError();
      lockName = `tidings:${PROTOCOL}:${encodeURIComponent(user)}:${share.name}`;
      channel = new BroadcastChannel(lockName);
      channel.onmessage = ({ data }: MessageEvent<TabMessage>) => take({ type: "message", message: data });
    } catch {
      // Also where the browser allows the page no storage.
      take({ type: "sharing_forbidden" });
    }
  }

  function requestLock(shouldSteal: boolean): void {
    if (!channel) return;
    const request = new AbortController();
    const { signal } = request;
    lock = request;
    // Holds the lock until the request is aborted.
    const hold = () =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
        if (signal.aborted) resolve();
        else take({ type: "lock_won" });
      });
    // The API allows no signal for a lock that is stolen.
    navigator.locks.request(lockName, shouldSteal ? { steal: true } : { signal }, hold).catch((error: unknown) => {
      if (signal.aborted) return;
      // Any other error: locks are forbidden here, as in a sandboxed frame.
      const isStolen = error instanceof DOMException && error.name === "AbortError";
      take({ type: isStolen ? "lock_stolen" : "sharing_forbidden" });
    });
  }

  function post(message: TabMessage): void {
    channel?.postMessage(message);
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
      if (channel && isTokenRefused(output)) void handOver(() => relayOutput(output));
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
    post({ type: "outputs", outputs: outbox, lagMs, isVisible: machine.state.isVisible });
    outbox = [];
  }

  function answerHello({ from, position, isNew }: Hello): void {
    const { status } = replica;
    const { isVisible } = machine.state;
    // A new tab may have a better token. It tries first.
    if (isNew && status.state === "closed") void passOn();
    else {
      const catchUp = replica.catchUpFor(position);
      const outputs: RelayedOutput[] = [{ output: { type: "status", status }, after: null }];
      if (catchUp) post({ type: "catch_up", to: from, catchUp, isVisible });
      else post({ type: "outputs", outputs, lagMs: null, isVisible });
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
      if (output.type !== "status") replica.apply(output);
      // The service refuses; what was missed is lost.
      else if (output.status.state === "closed") replica.apply({ type: "gap", gap: { from: null, to: until } });
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
