import type { Driver } from "./driver.ts";
import type { Link, Output, SharedTabs } from "./output.ts";
import { globals, watchPage } from "./page.ts";
import { type Channel, platform } from "./tab-platform.ts";
import { type Knowledge, TabState } from "./tab-state.ts";
import { claimOf } from "./token.ts";
import { DEFAULT_TUNING } from "./tuning.ts";
import type { Position } from "./types.ts";

/**
 * One socket for all tabs of a browser. The tab that holds a lock (Web Locks) has the socket and tells the others
 * (BroadcastChannel). When it goes, the lock moves to another tab, which resumes where it stands itself.
 */

/** How often a tab that somebody looks at asks whether the one with the socket is alive. */
const WATCH_MS = 15_000;
/** How long that one may take to answer; a phone suspends tabs in the background together with their locks. */
const ANSWER_MS = 3000;
/** An output, and where the tab with the socket stood before it. */
interface Heard {
  output: Output;
  after: Position | null;
}
type Message =
  /** A tab tells where it stands and asks what it has missed. */
  | { type: "hello"; isNew: boolean }
  | { type: "knowledge"; knowledge: Knowledge }
  | { type: "outputs"; outputs: Heard[]; lagMs: number | null }
  | { type: "reconnect" | "refresh" };

/**
 * Shares the socket of a channel between the tabs of a browser in which the same user listens with the same filter,
 * which cannot be changed then. Where a browser cannot, each tab has its own.
 * @example
 * import { sharedTabs } from "tidings/client/tabs";
 * connectOrder(orderId, { getToken, shared: sharedTabs() });
 */
export function sharedTabs(): SharedTabs {
  return (share) => new TabLink(share);
}

export { onceAcrossTabs } from "./once.ts";

type Share = Parameters<SharedTabs>[0];

class TabLink implements Link {
  readonly #share: Share;
  readonly #state: TabState;
  lagMs: number | null = null;
  #driver: Driver | null = null;
  #channel: Channel<Message> | null = null;
  #name = "";
  #release: (() => void) | undefined;
  #request: AbortController | undefined;
  #isOver = false;
  #beginnings = 0;
  #outbox: Heard[] = [];
  #watch: ReturnType<typeof setInterval> | undefined;
  #answer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(share: Share) {
    this.#share = share;
    this.#state = new TabState(share.position, share.onOutput);
    void this.#begin();
  }

  get position(): Position | null {
    return this.#state.position;
  }

  close(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#isOver = true;
    this.#forget();
    const reason = { code: 1000, name: "closed", message: "", userMustAct: false } as const;
    this.#state.take({ type: "status", status: { state: "closed", isStale: true, reason } });
  }

  reconnect(): void {
    if (this.#isOver) {
      this.#isOver = false;
      void this.#begin();
    } else if (this.#driver) this.#driver.reconnect();
    else this.#post({ type: "reconnect" });
  }

  refreshToken(): void {
    if (this.#driver) this.#driver.refreshToken();
    else this.#post({ type: "refresh" });
  }

  filter(): void {
    throw new Error("The filter of a connection that tabs share cannot be changed");
  }

  /** What is shared is one user's: nobody hears in one tab what another may hear in the next. */
  async #begin(): Promise<void> {
    const beginning = ++this.#beginnings;
    const { getToken, tuning } = this.#share;
    const { promise: isLate, resolve: giveUp } = Promise.withResolvers<undefined>();
    // A connection of its own asks again.
    this.#answer = setTimeout(giveUp, tuning.connectTimeoutMs ?? DEFAULT_TUNING.connectTimeoutMs, undefined);
    const token = getToken().then(
      (text) => claimOf(text, "sub"),
      () => undefined,
    );
    const subject = await Promise.race([token, isLate]);
    // It was closed in the meantime, and perhaps begun anew.
    if (this.#isOver || beginning !== this.#beginnings) return;
    clearTimeout(this.#answer);
    const { navigator, BroadcastChannel } = platform();
    if (typeof subject !== "string" || !navigator?.locks || !BroadcastChannel) {
      this.#lead();
      return;
    }
    this.#name = `tidings:${encodeURIComponent(subject)}:${this.#share.name}`;
    this.#unwatch = watchPage((input) => {
      if (input.type === "sleep") {
        this.#leave();
        this.#hangUp();
      } else if (input.type === "wake") this.#join(false);
      else if (input.type === "visible" && input.isVisible) this.#check();
    });
    this.#watch = setInterval(() => {
      if (globals.document?.visibilityState !== "hidden") this.#check();
    }, WATCH_MS);
    this.#join(true);
  }

  /** Listens to the tab that has the socket, and waits for its place. */
  #join(isNew: boolean): void {
    const { BroadcastChannel } = platform();
    if (this.#isOver || this.#request || !BroadcastChannel) return;
    if (!this.#channel) {
      this.#channel = new BroadcastChannel<Message>(this.#name);
      this.#channel.onmessage = ({ data }) => this.#hear(data);
    }
    this.#post({ type: "hello", isNew });
    this.#waitForLock(false);
  }

  #waitForLock(isTaken: boolean): void {
    const request = new AbortController();
    this.#request = request;
    const body = () => {
      if (request.signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#release = resolve;
      this.#lead();
      return promise;
    };
    // A lock that is taken away cannot be waited for, and one that is waited for cannot be taken away.
    const options = isTaken ? { steal: true } : { signal: request.signal };
    platform()
      .navigator?.locks?.request(this.#name, options, body)
      .catch((error: unknown) => {
        if (request.signal.aborted || this.#isOver) return;
        this.#leave();
        // Taken by another tab, because this one was not heard of for too long; or the browser allows no locks here, as
        // in a sandboxed frame.
        if (error instanceof DOMException && error.name === "AbortError") this.#join(false);
        else {
          this.#forget();
          this.#lead();
        }
      });
  }

  #lead(): void {
    clearTimeout(this.#answer);
    const wasLive = this.#state.position !== null;
    if (wasLive) this.#state.take({ type: "status", status: { state: "recovering", isStale: false } });
    this.#driver = this.#share.open(this.#state.position, wasLive, (output) => {
      if (!this.#driver && output.type === "status" && output.status.state === "closed") return;
      this.lagMs = this.#driver?.lagMs ?? null;
      const after = this.#state.position;
      this.#state.take(output);
      if (this.#outbox.push({ output, after }) === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const outputs = this.#outbox.splice(0);
    this.#post({ type: "outputs", outputs, lagMs: this.lagMs });
  }

  /** Gives the socket up to another tab. */
  #leave(): void {
    const driver = this.#driver;
    this.#driver = null;
    driver?.close();
    clearTimeout(this.#answer);
    this.#request?.abort();
    this.#request = undefined;
    this.#release?.();
    this.#release = undefined;
  }

  #hear(message: Message): void {
    if (message.type === "outputs" || message.type === "knowledge") clearTimeout(this.#answer);
    const driver = this.#driver;
    if (!driver) {
      if (message.type === "knowledge") this.#state.catchUp(message.knowledge);
      if (message.type !== "outputs") return;
      this.lagMs = message.lagMs;
      for (const { output, after } of message.outputs) {
        // It was lost, or this tab slept: the other one still has it.
        if (this.#state.take(output, after) === "missing") {
          this.#post({ type: "hello", isNew: false });
          return;
        }
      }
      return;
    }
    if (message.type === "hello") {
      const { knowledge, status } = this.#state;
      if (knowledge) this.#post({ type: "knowledge", knowledge });
      else this.#post({ type: "outputs", outputs: [{ output: { type: "status", status }, after: null }], lagMs: null });
      // Somebody who comes anew may bring a better token.
      if (message.isNew && this.#state.status.state === "closed") driver.reconnect();
    }
    if (message.type === "reconnect") driver.reconnect();
    if (message.type === "refresh") driver.refreshToken();
  }

  /** Is the tab with the socket alive? When not, this one takes over. */
  #check(): void {
    if (this.#driver || this.#isOver || !this.#request) return;
    this.#post({ type: "hello", isNew: false });
    clearTimeout(this.#answer);
    this.#answer = setTimeout(() => {
      if (this.#driver || this.#isOver || !this.#request) return;
      this.#request.abort();
      this.#waitForLock(true);
    }, ANSWER_MS);
  }

  /** Has nothing to do with other tabs any more. */
  #forget(): void {
    this.#unwatch?.();
    clearInterval(this.#watch);
    this.#hangUp();
  }

  /** A page that is put away may keep no channel open. */
  #hangUp(): void {
    this.#channel?.close();
    this.#channel = null;
  }

  #post(message: Message): void {
    this.#channel?.postMessage(message);
  }
}
