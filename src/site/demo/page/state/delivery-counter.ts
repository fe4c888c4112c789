import type { Position } from "../../../../sdk/index.ts";

/**
 * Checks delivery independently of the SDK by comparing the events that the page received with those that exist. The
 * `seq` of events is 1, 2, 3 … within an epoch, which reveals missing and repeated events.
 */
export class DeliveryCounter {
  #epoch: string | null = null;
  /** Position just before the first expected event. */
  #start = 0;
  /** Position of the last event known to exist. */
  #last = 0;
  #duplicates = 0;
  #received = new Set<number>();

  /** Starts counting after `position`. Counters continue within the same epoch and start over in another one. */
  startAt({ epoch, seq }: Position): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#start = this.#last = seq;
    this.#duplicates = 0;
    this.#received = new Set();
  }

  /** Starts over at `position`: the SDK reported a gap, so the events before it do not count as missed. */
  skipTo(position: Position): void {
    this.#epoch = null;
    this.startAt(position);
  }

  /** Expects every event up to `seq`, which the service acknowledged. Does nothing before the first connection. */
  expectUpTo(seq: number): void {
    if (this.#epoch !== null) this.#last = Math.max(this.#last, seq);
  }

  /** Counts an event that the page received. */
  receive(seq: number): void {
    if (this.#received.has(seq)) this.#duplicates++;
    this.#received.add(seq);
    // If the first frame and events share a message, the first position reported may be that of the last event.
    this.#start = Math.min(this.#start, seq - 1);
    this.expectUpTo(seq);
  }

  counts(): DeliveryCounts {
    const expected = this.#last - this.#start;
    let received = 0;
    for (const seq of this.#received) if (seq > this.#start) received++;
    return { received, expected, missed: expected - received, duplicates: this.#duplicates };
  }
}

export interface DeliveryCounts {
  received: number;
  /** Events that exist since the counter started. */
  expected: number;
  /** Expected but not received: on the way, or lost. */
  missed: number;
  duplicates: number;
}
