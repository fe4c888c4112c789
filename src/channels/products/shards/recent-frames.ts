import type { LoggedFrame } from "../../log/log-event.ts";

/** The latest frames, in memory: all those after `start`. The oldest are dropped beyond a total length. */
export class RecentFrames {
  readonly #maxCharacters: number;
  readonly #frames: LoggedFrame[] = [];
  #characters = 0;
  #start = 0;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Frames after this `seq` are here. */
  get start(): number {
    return this.#start;
  }

  /** Drops everything: frames after `start` will follow. */
  reset(start: number): void {
    this.#frames.length = 0;
    this.#characters = 0;
    this.#start = start;
  }

  /** Adds frames in order, and drops the oldest beyond the limit. */
  append(frames: readonly LoggedFrame[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#characters += frame.text.length;
    }
    let dropped = 0;
    for (const { seq, text } of this.#frames) {
      if (this.#characters <= this.#maxCharacters) break;
      this.#characters -= text.length;
      this.#start = seq;
      dropped++;
    }
    this.#frames.splice(0, dropped);
  }

  /** Returns the frames after a `seq`, in order; null when they are not all here. */
  since(seq: number): LoggedFrame[] | null {
    if (seq < this.#start) return null;
    // From the end: most readers need only the last few.
    return this.#frames.slice(this.#frames.findLastIndex((frame) => frame.seq <= seq) + 1);
  }
}
