import type { Output } from "./output.ts";
import type { Gap, OrderEvent, OrderSnapshot, Position, ProductEvent, ProductsSnapshot, Status } from "./types.ts";

/** What a tab knows of a shared channel: where it stands itself, and what it can tell a tab that knows less. */

/** So many events a tab keeps for others, as many as the service does. */
const MAX_KEPT = 1000;

type Event = OrderEvent | ProductEvent;
type Snapshot = OrderSnapshot | ProductsSnapshot;

/** Everything a tab needs to catch up: the last first frame, and the events since `start`. */
export interface Knowledge {
  snapshot: Snapshot;
  start: Position;
  events: Event[];
  status: Status;
}

/** Passes on what another tab says, every event once and in order, wherever it stood before. Pure but for its fields. */
export class TabState {
  position: Position | null;
  status: Status = { state: "connecting", isStale: false };
  readonly #tell: (output: Output) => void;
  #snapshot: Snapshot | null = null;
  /** The events since `#start` that came. */
  #kept: Event[] = [];
  #start: Position | null;

  constructor(position: Position | null, tell: (output: Output) => void) {
    this.position = position;
    this.#start = position;
    this.#tell = tell;
  }

  /** What another tab can be told; null before the first frame. */
  get knowledge(): Knowledge | null {
    const { status } = this;
    return (
      this.#snapshot && this.#start && { snapshot: this.#snapshot, start: this.#start, events: this.#kept, status }
    );
  }

  /**
   * Takes what a connection said, here or in the tab that has it.
   * @param after Where the tab that has the connection stood before it. A hole in `seq` alone tells nothing: a filter
   * leaves events out, and so does a type that only a newer SDK knows.
   * @returns Whether something is missing before it: then it was not taken.
   */
  take(output: Output, after: Position | null = null): "missing" | undefined {
    const { position } = this;
    if (output.type === "event") {
      if (after && position && (after.epoch !== position.epoch || after.seq > position.seq)) return "missing";
      this.#event(output.event);
    } else if (output.type === "gap") this.#gap(output.gap);
    else if (output.type === "snapshot") this.#first(output.snapshot);
    else if (JSON.stringify(output.status) !== JSON.stringify(this.status)) {
      this.status = output.status;
      this.#tell(output);
    }
    return;
  }

  /** Takes what another tab knows, as far as it is new here. */
  catchUp({ snapshot, start, events, status }: Knowledge): void {
    const { position } = this;
    if (!position) this.#first(snapshot);
    else if (position.epoch !== start.epoch || position.seq < start.seq) {
      this.#gap({ from: position, to: start });
      this.#first(snapshot);
    } else if (!this.#snapshot) this.#first(snapshot);
    for (const event of events) this.#event(event);
    this.take({ type: "status", status });
  }

  #first(snapshot: Snapshot): void {
    const { epoch, seq } = snapshot;
    // Who stands nowhere stands where the first frame says; who stands somewhere gets the events in between.
    if (this.position?.epoch !== epoch) this.position = { epoch, seq };
    if (this.#start?.epoch !== epoch) {
      this.#start = this.position;
      this.#kept = [];
    }
    this.#snapshot = snapshot;
    this.#tell({ type: "snapshot", snapshot });
  }

  #gap({ to }: Gap): void {
    const from = this.position;
    if (from?.epoch === to.epoch && from.seq >= to.seq) return;
    this.position = to;
    this.#start = to;
    this.#kept = [];
    this.#tell({ type: "gap", gap: { from, to } });
  }

  #event(event: Event): void {
    const { position } = this;
    if (!position || event.seq <= position.seq) return;
    this.position = { ...position, seq: event.seq };
    this.#kept.push(event);
    if (this.#kept.length > MAX_KEPT) {
      const dropped = this.#kept.shift();
      this.#start = { ...position, seq: Number(dropped?.seq) };
    }
    this.#tell({ type: "event", event });
  }
}
