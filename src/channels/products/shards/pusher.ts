import { fullJitter } from "../../../protocol/backoff.ts";
import { PUSH_INTERVAL_MS } from "../../../protocol/shards.ts";
import { withinTimeLimit } from "../../../runtime/time-limit.ts";
import { logFault } from "../../../telemetry/log.ts";
import { type TakeAnswer, takeAnswer } from "./contract.ts";
import { nextPush, type Push } from "./next-push.ts";
import type { RootHistory } from "./root-history.ts";
import type { Heard, ShardLink } from "./shard-link.ts";
import type { Slots } from "./slots.ts";

const BASE_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/**
 * Failures in a row after which the next attempt is left to the root's alarm: after about half a minute, or three minutes
 * if every call times out.
 */
const MAX_PUSH_FAILURES = 14;

interface PusherOptions {
  name: string;
  link: ShardLink;
  history: RootHistory;
  /** Pushes that repeat a failed one have their own, so that shards that cannot be reached do not delay the others. */
  slots: Slots<"first" | "repeated">;
  /** Calls the shard. */
  call: (push: Push, interestVersion: number | null) => Promise<unknown>;
  waitUntil: (promise: Promise<unknown>) => void;
  /** Called after an answer: the count may have changed. @param sent How many events the shard sent, over all listeners. */
  onAnswer: (sent: number) => void;
  /** Called when the shard has no listeners and has not joined again meanwhile. */
  onEmpty: () => void;
}

/**
 * Pushes the events to one shard, one push at a time, and repeats a push until it is answered. The first event after a
 * pause is pushed at once. No timer runs while there is nothing to push.
 */
export class Pusher {
  readonly #options: PusherOptions;
  #running: Promise<void> | null = null;
  #isStopped = false;
  #failures = 0;
  #pushedAt = Number.NEGATIVE_INFINITY;
  /** Whether the last push could not hold everything there was to push. */
  #isBehind = false;

  constructor(options: PusherOptions) {
    this.#options = options;
  }

  /** What the root knows of the shard. */
  get link(): ShardLink {
    return this.#options.link;
  }

  /** Whether the shard lacks an event that is for it, or may lack one. */
  get isPending(): boolean {
    return !this.#options.link.isAckedKnown || this.#next() !== null;
  }

  /** Pushes what there is to push, soon. */
  start(): void {
    if (this.#running || this.#isStopped || !this.#next()) return;
    this.#running = this.#run();
    this.#options.waitUntil(this.#running);
  }

  /** Waits until everything is pushed, or the pusher has given up. */
  async settle(): Promise<void> {
    await this.#running;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopped && this.#failures < MAX_PUSH_FAILURES && this.#next()) {
        const wait = this.#waitMs();
        if (wait > 0) await scheduler.wait(wait);
        await this.#options.slots.run(this.#failures > 0 ? "repeated" : "first", () => this.#push());
      }
    } finally {
      this.#running = null;
      this.#failures = 0;
    }
  }

  #waitMs(): number {
    if (this.#failures > 0) return fullJitter(this.#failures - 1, BASE_BACKOFF_MS, MAX_BACKOFF_MS);
    if (this.#isBehind) return 0;
    return Math.min(this.#pushedAt + PUSH_INTERVAL_MS - Date.now(), PUSH_INTERVAL_MS);
  }

  /** Returns the next push, or null. */
  #next(): Push | null {
    const { link, history } = this.#options;
    for (;;) {
      const next = nextPush(link, history);
      if ("frames" in next) return next;
      if (next.scanned <= link.scanned) return null;
      link.scanned = next.scanned;
    }
  }

  async #push(): Promise<void> {
    const { name, link, history, call } = this.#options;
    // Built only now, so that it includes what was published during the wait.
    const push = this.#isStopped ? null : this.#next();
    if (!push) return;
    const { heard, interestVersion } = link;
    this.#pushedAt = Date.now();
    this.#isBehind = push.upTo < history.head;
    try {
      const answer = takeAnswer.parse(await withinTimeLimit(call(push, interestVersion)));
      // The shard has registered again since, and this answer is about the former registration.
      if (this.#isStopped) return;
      this.#failures = this.#note(answer, push, heard) ? 0 : this.#failures + 1;
    } catch (error) {
      this.#failures++;
      // Logged once per outage, not once per attempt.
      if (this.#failures === 1) logFault("shard", error, { channel: name });
    }
  }

  /** Returns whether the answer was of use. */
  #note(answer: TakeAnswer, { epoch }: Push, before: Heard): boolean {
    const { link, onAnswer, onEmpty } = this.#options;
    if (answer.status === "unreadable") throw new Error("the shard cannot read this push");
    if (answer.status === "empty") {
      if (!link.hasJoinedSince(before)) onEmpty();
      return true;
    }
    if (!link.acknowledge(answer, before, epoch)) return false;
    onAnswer(answer.status === "taken" ? answer.sent : 0);
    return true;
  }
}
