import { statusChangeOf } from "../../protocol/status-change.ts";
import type { Output } from "../connection/output.ts";
import type {
  Gap,
  OrderEvent,
  OrderSnapshot,
  Position,
  ProductEvent,
  ProductsSnapshot,
  Status,
} from "../connection/types.ts";

/** What a tab knows of a shared channel: where it stands itself, and what it can tell a tab that knows less. */

/** So many events a tab keeps for others, as many as the service does. */
const MAX_KEPT = 1000;

type Event = OrderEvent | ProductEvent;
type Snapshot = OrderSnapshot | ProductsSnapshot;

/** Everything another tab needs to catch up. */
export interface Knowledge {
  /** How things stand now, as a first frame would say it. */
  snapshot: Snapshot;
  /** The events after this position … */
  start: Position;
  events: Event[];
  /** … up to this one; what the filter left out after the last event counts. */
  position: Position;
  status: Status;
}

/** Passes on what another tab says, every event once and in order, wherever it stood before. Pure but for its fields. */
export class TabState {
  position: Position | null;
  status: Status = { state: "connecting", isStale: false };
  readonly #tell: (output: Output) => void;
  /** The last first frame, with what events said since. */
  #snapshot: Snapshot | null = null;
  /** The events since `#start` that came. */
  #kept: Event[] = [];
  #start: Position | null;

  constructor(position: Position | null, tell: (output: Output) => void) {
    this.position = position;
    this.#start = position;
    this.#tell = tell;
  }

  /**
   * What a tab can be told that stands at `from`, or nowhere; null before the first frame. One that stands nowhere is
   * told what a connection of its own would be: how things stand, and nothing of before.
   */
  knowledgeFor(from: Position | null): Knowledge | null {
    const { position, status } = this;
    const [snapshot, start] = [this.#snapshot, this.#start];
    if (!snapshot || !start || !position) return null;
    const isWithin = from !== null && isAfter(from, start);
    const since = from ? (isWithin ? from : start) : position;
    return {
      snapshot: { ...snapshot, resumed: from && isWithin },
      start: since,
      events: this.#kept.filter(({ seq }) => seq > since.seq),
      position,
      status,
    };
  }

  /**
   * Takes what a connection said, here or in the tab that has it.
   * @param after Where the tab that has the connection stood before it. A hole in `seq` alone tells nothing: a filter
   * leaves events out, and so does a type that only a newer SDK knows.
   * @returns Whether something is missing before it: then it was not taken.
   */
  take(output: Output, after: Position | null = null): "missing" | undefined {
    const { position } = this;
    switch (output.type) {
      case "event":
      case "position":
        if (after && position && !isAfter(position, after)) return "missing";
        if (output.type === "event") this.#event(output.event);
        else this.#move(output.position);
        return;
      case "gap":
        this.#gap(output.gap);
        return;
      case "snapshot":
        this.#first(output.snapshot);
        return;
      case "status":
        if (JSON.stringify(output.status) === JSON.stringify(this.status)) return;
        this.status = output.status;
        this.#tell(output);
    }
    return;
  }

  /**
   * Takes what another tab knows, as far as it is new here.
   * @returns Whether that begins too late, or ends before it has begun here: then nothing was taken, and the service may
   * know what is missing.
   */
  catchUp({ snapshot, start, events, position, status }: Knowledge): "missing" | undefined {
    const from = this.position;
    const isNew = this.#snapshot === null;
    if (from && from.epoch !== start.epoch) {
      this.#gap({ from, to: start });
      this.#first(snapshot);
    } else if (from && (from.seq < start.seq || (isNew && from.seq > snapshot.seq))) return "missing";
    else if (isNew) this.#first(snapshot);
    for (const event of events) this.#event(event);
    this.#move(position);
    this.take({ type: "status", status });
    return;
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
    if (from && isAfter(from, to)) return;
    this.position = to;
    this.#start = to;
    this.#kept = [];
    this.#tell({ type: "gap", gap: { from, to } });
  }

  #event(event: Event): void {
    const { position } = this;
    if (!position || event.seq <= position.seq) return;
    this.position = { ...position, seq: event.seq };
    this.#snapshot &&= withEvent(this.#snapshot, event);
    this.#kept.push(event);
    if (this.#kept.length > MAX_KEPT) {
      const dropped = this.#kept.shift();
      this.#start = { ...position, seq: Number(dropped?.seq) };
    }
    this.#tell({ type: "event", event });
  }

  #move(to: Position): void {
    const { position } = this;
    if (position?.epoch !== to.epoch || position.seq >= to.seq) return;
    this.position = to;
    if (this.#snapshot && this.#snapshot.seq < to.seq) this.#snapshot = { ...this.#snapshot, seq: to.seq };
    this.#tell({ type: "position", position: to });
  }
}

/** Whether the first position is the second one or comes later in the same epoch. */
const isAfter = (position: Position, other: Position) => position.epoch === other.epoch && position.seq >= other.seq;

/** The state as of an event, unless it is newer already. */
function withEvent(snapshot: Snapshot, { type, data, seq }: Event): Snapshot {
  if (seq <= snapshot.seq) return snapshot;
  if (!("order_id" in snapshot)) return { ...snapshot, seq };
  const { status = snapshot.current_status, payment_status = snapshot.payment_status } = statusChangeOf(type, data);
  return { ...snapshot, current_status: status, payment_status, seq };
}
