/** What a listener of products must have received: a pure model, for tests that run shards at random. */

/** An event that the service has applied. */
export interface AppliedEvent {
  seq: number;
  product: string;
  type: string;
  /** Events with the same number were applied by one publish call; null when that is not known. */
  call: number | null;
}

/** The products that a listener wants; null for all. */
export type Wanted = readonly string[] | null;

/** A filter, which took effect at some position from `after` to `by`. `by` is Infinity while that is unknown. */
interface Phase {
  wanted: Wanted;
  after: number;
  by: number;
}

/** Of these, a conflated listener is sent the newest of each product, of all that leave together. */
const CONFLATED_TYPES = ["inventory_updated", "price_updated"];

/** The events of one connection, from its position on. */
export class ListenerLog {
  readonly #isConflated: boolean;
  /** The position that the connection starts from: the last event before its own. */
  readonly #from: number;
  /** In order of time. */
  readonly #phases: Phase[];
  readonly #received: number[] = [];
  /** The last event that may have been published when the connection ended. */
  #newest = Number.POSITIVE_INFINITY;

  constructor(from: number, wanted: Wanted, isConflated: boolean, phases = [{ wanted, after: from, by: from }]) {
    this.#isConflated = isConflated;
    this.#from = from;
    this.#phases = phases;
  }

  /** The last event received, or where the connection started. */
  get position(): number {
    return this.#received.at(-1) ?? this.#from;
  }

  get wanted(): Wanted {
    return this.#phases.at(-1)?.wanted ?? null;
  }

  receive(seq: number): void {
    this.#received.push(seq);
  }

  /**
   * The connection has ended, perhaps in the middle of what was sent together.
   * @param newest The last event that may have been published.
   */
  end(newest: number): void {
    this.#newest = newest;
  }

  /** Returns the log of the same connection in a new epoch. What was not received before it is reported as lost. */
  inNewEpoch(from: number): ListenerLog {
    return new ListenerLog(from, this.wanted, this.#isConflated, this.#phases);
  }

  /** The listener asks for another filter now. */
  changeFilter(wanted: Wanted): void {
    this.#phases.push({ wanted, after: this.position, by: Number.POSITIVE_INFINITY });
  }

  /** Every filter asked for so far is in effect for events after `seq`. */
  confirmFilter(seq: number): void {
    for (const phase of this.#phases) phase.by = Math.min(phase.by, Math.max(seq, phase.after));
  }

  /**
   * Compares what was received with what had to be.
   * @param isComplete Whether nothing more will arrive.
   * @returns What is wrong, or null.
   */
  fault(history: readonly AppliedEvent[], isComplete: boolean): string | null {
    const disorder = this.#received.find((seq, i) => seq <= (this.#received[i - 1] ?? this.#from));
    if (disorder !== undefined) return `event ${disorder} came too late or twice in ${this.#received}`;
    const received = new Set(this.#received);
    const later = history.filter(({ seq }) => seq > this.#from);
    const due = later.filter(({ seq }) => isComplete || seq <= this.position);
    const unknown = this.#received.find((seq) => !due.some((event) => event.seq === seq));
    if (unknown !== undefined) return `event ${unknown} does not exist after ${this.#from}`;
    for (const event of due) {
      const need = this.#need(event);
      if (received.has(event.seq)) {
        if (need === "unwanted") return `event ${event.seq} does not pass the filter`;
        if (this.#isOutdated(event, later)) return `event ${event.seq} was out of date when it was published`;
      } else if (need === "due" && !this.#isSuperseded(event, later, received)) {
        return `event ${event.seq} is missing after ${this.#from} in ${this.#received}`;
      }
    }
    return null;
  }

  /** Returns how many events were left out, because a newer one followed. */
  leftOut(history: readonly AppliedEvent[]): number {
    const due = history.filter((event) => event.seq > this.#from && event.seq <= this.position);
    return due.filter((event) => this.#need(event) === "due" && !this.#received.includes(event.seq)).length;
  }

  /** Whether an event passes the filter; `open` where it is not known which of two filters was in effect. */
  #need({ seq, product }: AppliedEvent): "due" | "unwanted" | "open" {
    const passes = this.#phases
      .filter(
        ({ after }, i) => (i === 0 || seq > after) && seq <= (this.#phases[i + 1]?.by ?? Number.POSITIVE_INFINITY),
      )
      .map(({ wanted }) => wanted === null || wanted.includes(product));
    if (passes.every((pass) => pass)) return "due";
    return passes.some((pass) => pass) ? "open" : "unwanted";
  }

  /** Whether a newer event that leaves with this one, because one call published both, makes it superfluous. */
  #isOutdated(event: AppliedEvent, later: readonly AppliedEvent[]): boolean {
    return (
      event.call !== null &&
      this.#newerThan(event, later).some((newer) => newer.call === event.call && this.#need(newer) === "due")
    );
  }

  /** Whether a newer event was received instead of this one, or was about to be when the connection ended. */
  #isSuperseded(event: AppliedEvent, later: readonly AppliedEvent[], received: ReadonlySet<number>): boolean {
    return this.#newerThan(event, later).some(
      (newer) =>
        received.has(newer.seq) ||
        (newer.seq > this.position && newer.seq <= this.#newest && this.#need(newer) !== "unwanted"),
    );
  }

  /** Returns what a conflated listener may receive instead of an event. */
  #newerThan({ seq, product, type }: AppliedEvent, later: readonly AppliedEvent[]): AppliedEvent[] {
    if (!this.#isConflated || !CONFLATED_TYPES.includes(type)) return [];
    return later.filter((other) => other.seq > seq && other.product === product && other.type === type);
  }
}
