import type { Link, Output, Share } from "../connection/link.ts";
import { platform, watchPage } from "../connection/page.ts";
import { runMachine } from "../connection/runner.ts";
import { parseToken } from "../connection/token.ts";
import { DEFAULT_TUNING } from "../connection/tuning.ts";
import type { Position } from "../connection/types.ts";
import type { Hello, RelayedOutput, TabMessage } from "./messages.ts";
import { ChannelReplica } from "./replica.ts";
import { stepTab } from "./tab-machine.ts";
import { initialTabState, nextTabTick, type TabEffect, type TabInput, type TabState } from "./tab-machine-state.ts";

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
        socket?.reconnect();
        return;
      case "refresh_socket":
        socket?.refreshToken();
        return;
      case "report_closed": {
        const reason = { code: 1000, name: "closed", message: "", userMustAct: false } as const;
        replica.apply({ type: "status", status: { state: "closed", isStale: true, reason } });
      }
    }
  }

  async function identify(identification: number): Promise<void> {
    try {
      const { user } = parseToken(await share.getToken());
      take({ type: "identified", identification, user });
    } catch {
      take({ type: "token_failed", identification });
    }
  }

  function openChannel(user: string): void {
    const { navigator, BroadcastChannel } = platform;
    try {
      if (!navigator?.locks || !BroadcastChannel) throw new TypeError();
      lockName = `tidings:${encodeURIComponent(user)}:${share.name}`;
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
    socket = share.open(replica.position, wasLive, (output) => {
      if (number === socketNumber) onOutput(output);
    });
  }

  function lead(): void {
    const wasLive = replica.position !== null;
    if (wasLive) replica.apply({ type: "status", status: { state: "recovering", isStale: false } });
    openSocket(wasLive, (output) => {
      // The first outputs may arrive before the socket is assigned.
      lagMs = socket?.lagMs ?? null;
      const after = replica.position;
      replica.apply(output);
      if (outbox.push({ output, after }) === 1) queueMicrotask(relay);
      if (output.type === "status" && output.status.state === "live") take({ type: "live" });
    });
  }

  /** Outputs that arrive together go out in one message. */
  function relay(): void {
    post({ type: "outputs", outputs: outbox, lagMs });
    outbox = [];
  }

  function answerHello({ from, position, isNew }: Hello): void {
    const { status } = replica;
    const catchUp = replica.catchUpFor(position);
    if (catchUp) post({ type: "catch_up", to: from, catchUp });
    else post({ type: "outputs", outputs: [{ output: { type: "status", status }, after: null }], lagMs: null });
    if (isNew && status.state === "closed") socket?.reconnect();
  }

  function applyOutputs(outputs: RelayedOutput[]): void {
    for (const { output, after } of outputs) {
      // The page called `close()` from a callback.
      if (machine.isWaiting("close")) return;
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
    setFilter() {
      throw new Error("The filter of a connection that is shared between tabs cannot be changed");
    },
  };
}
