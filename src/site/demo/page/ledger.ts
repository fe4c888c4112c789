import type { Position } from "../../../sdk/index.ts";

/**
 * Counts what a page was given against what there was, independently of the SDK: positions are 1, 2, 3 … within an
 * epoch, so a hole or a repetition shows. Pure.
 */
export class Ledger {
  #epoch: string | null = null;
  /** The last position before the first event that is due. */
  #from = 0;
  /** The last event that is known to exist. */
  #last = 0;
  #twice = 0;
  #seen = new Set<number>();

  /** The channel goes on from here; what was counted before is kept unless this is another history of it. */
  at({ epoch, seq }: Position): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#from = this.#last = seq;
    this.#twice = 0;
    this.#seen = new Set();
  }

  /** Events up to here cannot be had, and the SDK said so: that is a gap, not a miss. */
  gap(to: Position): void {
    this.#epoch = null;
    this.at(to);
  }

  /** The service acknowledged an event; without a first frame nobody is due to hear of it. */
  knows(seq: number): void {
    if (this.#epoch !== null) this.#last = Math.max(this.#last, seq);
  }

  /** The page was given an event. */
  receives(seq: number): void {
    if (this.#seen.has(seq)) this.#twice++;
    this.#seen.add(seq);
    // A first frame and events that follow it may come in one message, whose position is that of the last one.
    this.#from = Math.min(this.#from, seq - 1);
    this.knows(seq);
  }

  counts(): Counts {
    const expected = this.#last - this.#from;
    let received = 0;
    for (const seq of this.#seen) if (seq > this.#from) received++;
    return { received, expected, missed: expected - received, twice: this.#twice };
  }
}

export interface Counts {
  received: number;
  /** By position: what there was since the page began. */
  expected: number;
  /** Expected and not there: on its way, or lost. */
  missed: number;
  twice: number;
}
