/** What a listener of products must have received: a pure model, for tests that run shards at random. */

/** An event that the service has applied. */
export interface AppliedEvent {
  seq: number;
  product: string;
  type: string;
}

/** The products that a listener wants; null for all. */
export type Wanted = readonly string[] | null;

/** A filter, which took effect at some position from `after` to `by`. `by` is Infinity while that is unknown. */
interface Phase {
  wanted: Wanted;
  after: number;
  by: number;
}

/** A conflated listener may miss these, if it receives a newer one of the same product and type. */
const CONFLATED_TYPES = ["inventory_updated", "price_updated"];

/** The events of one connection, from its position on. */
export class ListenerLog {
  readonly #isConflated: boolean;
  /** The position that the connection starts from: the last event before its own. */
  readonly #from: number;
  /** In order of time. */
  readonly #phases: Phase[];
  readonly #received: number[] = [];

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
    const due = history.filter(({ seq }) => seq > this.#from && (isComplete || seq <= this.position));
    const unknown = this.#received.find((seq) => !due.some((event) => event.seq === seq));
    if (unknown !== undefined) return `event ${unknown} does not exist after ${this.#from}`;
    for (const event of due) {
      const need = this.#need(event);
      if (need === "unwanted" && received.has(event.seq)) return `event ${event.seq} does not pass the filter`;
      if (need === "due" && !received.has(event.seq) && !this.#isSuperseded(event, due, received)) {
        return `event ${event.seq} is missing after ${this.#from} in ${this.#received}`;
      }
    }
    return null;
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

  #isSuperseded({ seq, product, type }: AppliedEvent, due: readonly AppliedEvent[], received: Set<number>): boolean {
    const isNewer = (other: AppliedEvent) => other.seq > seq && other.product === product && other.type === type;
    return (
      this.#isConflated &&
      CONFLATED_TYPES.includes(type) &&
      due.some((other) => isNewer(other) && received.has(other.seq))
    );
  }
}
