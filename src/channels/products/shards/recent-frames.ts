import type { LoggedFrame } from "../../log/log-event.ts";

/** The latest frames, in memory: all those after `start`. The oldest are dropped beyond a total length. */
export class RecentFrames {
  readonly #maxCharacters: number;
  #frames: (LoggedFrame | undefined)[] = [];
  /** How many of `#frames` are dropped and empty. Removing one moves all others, so many are removed at once. */
  #dropped = 0;
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
    this.#frames = [];
    this.#dropped = 0;
    this.#characters = 0;
    this.#start = start;
  }

  /** Adds frames in order, and drops the oldest beyond the limit. */
  append(frames: readonly LoggedFrame[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#characters += frame.text.length;
    }
    while (this.#characters > this.#maxCharacters) this.#dropOldest();
    if (this.#dropped * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#dropped);
      this.#dropped = 0;
    }
  }

  /** Yields the frames after a `seq`, in order; null when they are not all here. */
  since(seq: number): Generator<LoggedFrame> | null {
    return seq < this.#start ? null : this.#since(seq);
  }

  *#since(seq: number): Generator<LoggedFrame> {
    for (let i = this.#indexAfter(seq); i < this.#frames.length; i++) yield this.#at(i);
  }

  /** Returns the index of the first frame after a `seq`, by binary search. */
  #indexAfter(seq: number): number {
    let [low, high] = [this.#dropped, this.#frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#at(middle).seq > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #dropOldest(): void {
    const { seq, text } = this.#at(this.#dropped);
    this.#frames[this.#dropped++] = undefined;
    this.#characters -= text.length;
    this.#start = seq;
  }

  #at(index: number): LoggedFrame {
    const frame = this.#frames[index];
    if (!frame) throw new RangeError(`no frame ${index}`);
    return frame;
  }
}
