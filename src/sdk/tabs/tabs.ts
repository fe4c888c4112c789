import type { Driver } from "../connection/driver.ts";
import type { Link, Output, SharedTabs } from "../connection/output.ts";
import { globals, watchPage } from "../connection/page.ts";
import { claimOf } from "../connection/token.ts";
import { DEFAULT_TUNING } from "../connection/tuning.ts";
import type { Position } from "../connection/types.ts";
import { type Channel, platform } from "./tab-platform.ts";
import { type Knowledge, TabState } from "./tab-state.ts";

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
  /** A tab tells where it stands and asks what it has missed; the answer is for it alone. */
  | { type: "hello"; from: string; position: Position | null; isNew: boolean }
  | { type: "knowledge"; to: string; knowledge: Knowledge }
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
  /** What other tabs know this one by. */
  readonly #id = String(Math.random());
  lagMs: number | null = null;
  /** The socket of all tabs, when this one has it. */
  #driver: Driver | null = null;
  /** A socket of this tab's own, while it fetches what it missed and no other tab knows. */
  #fetching: Driver | null = null;
  /** It has a socket of its own because nobody could say whose tab this is. */
  #isNobodys = false;
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
    const isLate = new Promise<null>((resolve) => {
      this.#answer = setTimeout(resolve, tuning.connectTimeoutMs ?? DEFAULT_TUNING.connectTimeoutMs, null);
    });
    const token = getToken().then(
      (text: unknown) => (typeof text === "string" ? claimOf(text, "sub") : null),
      () => null,
    );
    const subject = await Promise.race([token, isLate]);
    // It was closed in the meantime, and perhaps begun anew.
    if (this.#isOver || beginning !== this.#beginnings) return;
    clearTimeout(this.#answer);
    const { navigator, BroadcastChannel } = platform();
    if (typeof subject !== "string" || !navigator?.locks || !BroadcastChannel) {
      // A connection of its own asks for a token again; when it has got one, there is another chance, once.
      this.#isNobodys = subject === null && beginning === 1;
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
      try {
        this.#channel = new BroadcastChannel<Message>(this.#name);
      } catch {
        // The browser allows this page none, as it does where it allows no storage.
        this.#leadAlone();
        return;
      }
      this.#channel.onmessage = ({ data }) => this.#hear(data);
    }
    this.#ask(isNew);
    this.#waitForLock(false);
  }

  #waitForLock(isTaken: boolean): void {
    const request = new AbortController();
    this.#request = request;
    const body = () => {
      if (request.signal.aborted) return;
      return new Promise<void>((resolve) => {
        this.#release = resolve;
        this.#lead();
      });
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
        else this.#leadAlone();
      });
  }

  #leadAlone(): void {
    this.#forget();
    this.#lead();
  }

  #lead(): void {
    clearTimeout(this.#answer);
    this.#stopFetching();
    const wasLive = this.#state.position !== null;
    if (wasLive) this.#state.take({ type: "status", status: { state: "recovering", isStale: false } });
    this.#driver = this.#share.open(this.#state.position, wasLive, (output) => {
      if (!this.#driver && output.type === "status" && output.status.state === "closed") return;
      this.lagMs = this.#driver?.lagMs ?? null;
      const after = this.#state.position;
      this.#state.take(output);
      if (this.#outbox.push({ output, after }) === 1) queueMicrotask(() => this.#flush());
      if (this.#isNobodys && this.#state.status.state === "live") this.#beginAnew();
    });
  }

  /** There is a token now, so that it is known with whom this tab may share. */
  #beginAnew(): void {
    this.#isNobodys = false;
    this.#leave();
    void this.#begin();
  }

  /** Nobody here knows what this tab has missed; the service may. */
  #fetchMissed(until: Position): void {
    if (this.#fetching) return;
    const driver = this.#share.open(this.#state.position, true, (output) => {
      if (output.type !== "status") this.#state.take(output);
      else if (output.status.state === "closed") this.#state.take({ type: "gap", gap: { from: null, to: until } });
      const { position } = this.#state;
      if (!this.#fetching || (position?.epoch === until.epoch && position.seq < until.seq)) return;
      this.#stopFetching();
      this.#ask(false);
    });
    this.#fetching = driver;
  }

  #stopFetching(): void {
    const driver = this.#fetching;
    this.#fetching = null;
    driver?.close();
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
    this.#stopFetching();
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
      if (this.#fetching) return;
      if (message.type === "knowledge" && message.to === this.#id) {
        const { knowledge } = message;
        if (this.#state.catchUp(knowledge) === "missing") this.#fetchMissed(knowledge.start);
      }
      if (message.type !== "outputs") return;
      this.lagMs = message.lagMs;
      for (const { output, after } of message.outputs) {
        // It was lost, or this tab slept: the other one still has it.
        if (this.#state.take(output, after) === "missing") {
          this.#ask(false);
          return;
        }
      }
      return;
    }
    if (message.type === "hello") {
      const { status } = this.#state;
      const knowledge = this.#state.knowledgeFor(message.position);
      if (knowledge) this.#post({ type: "knowledge", to: message.from, knowledge });
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
    this.#ask(false);
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

  #ask(isNew: boolean): void {
    this.#post({ type: "hello", from: this.#id, position: this.#state.position, isNew });
  }

  #post(message: Message): void {
    this.#channel?.postMessage(message);
  }
}
