import type { EventLog } from "../../log/event-log.ts";
import type { LoggedFrame } from "../../log/log-event.ts";
import { RecentFrames } from "./recent-frames.ts";

/** Frames that the root keeps in memory for its shards, in characters. */
const MAX_HISTORY_CHARACTERS = 8 * 1024 * 1024;
/** How many of the epochs that have ended since the root woke it remembers. */
const MAX_ENDED_EPOCHS = 16;

/** The events that shards may still need: recent ones from memory, older ones from the log. */
export class RootHistory {
  readonly #log: EventLog;
  readonly #recent = new RecentFrames(MAX_HISTORY_CHARACTERS);
  /** The epochs that ended since the root woke, each with its last `seq` and its number. */
  readonly #ended = new Map<string, { seq: number; number: number }>();
  /** How many epochs there have been since the root woke. */
  #epochs = 1;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Starts to keep frames. @param seq That of the last event before. */
  start(seq: number): void {
    this.#recent.reset(seq);
  }

  append(frames: readonly LoggedFrame[]): void {
    this.#recent.append(frames);
  }

  /** Notes that an epoch has ended at the current head. */
  epochEnded(epoch: string): void {
    this.#ended.set(epoch, { seq: this.#log.position().seq, number: this.#epochs++ });
    const [oldest] = this.#ended.keys();
    if (oldest !== undefined && this.#ended.size > MAX_ENDED_EPOCHS) this.#ended.delete(oldest);
  }

  get epoch(): string {
    return this.#log.position().epoch;
  }

  get head(): number {
    return this.#log.position().seq;
  }

  /** Returns the last `seq` of a former epoch; null when that is not known. */
  endOf(epoch: string): number | null {
    return this.#ended.get(epoch)?.seq ?? null;
  }

  /** Returns an epoch's number among those since the root woke: 1, 2, 3 … */
  numberOf(epoch: string): number {
    return this.#ended.get(epoch)?.number ?? this.#epochs;
  }

  /** Returns the `seq` after which the current epoch began; the head when that is not known. */
  get epochStart(): number {
    return [...this.#ended.values()].at(-1)?.seq ?? this.head;
  }

  /**
   * Returns frames after a `seq`, in order, and up to which `seq` they are complete; null when the history no longer
   * reaches back.
   */
  since(seq: number): { frames: Iterable<LoggedFrame>; upTo: number } | null {
    const recent = this.#recent.since(seq);
    if (recent) return { frames: recent, upTo: this.head };
    const frames = this.#log.page(seq);
    return frames && { frames, upTo: frames.at(-1)?.seq ?? this.head };
  }
}
