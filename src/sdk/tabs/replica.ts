import { statusChangeOf } from "../../protocol/status-change.ts";
import type { ChannelEvent, ChannelSnapshot, Output } from "../connection/link.ts";
import type { Gap, Position, Status } from "../connection/types.ts";

/**
 * Limits of the events a tab keeps for other tabs: their number (the service's default for an order) and their total
 * length as JSON.
 */
const MAX_KEPT_EVENTS = 1000;
const MAX_KEPT_CHARACTERS = 1024 * 1024;

/** What a tab needs to catch up with another tab. */
export interface CatchUp {
  /** The state after `events`, as in a first frame. */
  snapshot: ChannelSnapshot;
  /** Every event after `start`. */
  start: Position;
  events: ChannelEvent[];
  status: Status;
}

/**
 * A tab's copy of a shared channel. Applies outputs and catch-ups, which may repeat, overlap or be lost, and reports every
 * event once and in order. Does no I/O.
 */
export class ChannelReplica {
  position: Position | null;
  status: Status = { state: "connecting", isStale: false };
  readonly #report: (output: Output) => void;
  /** The last snapshot, updated by later events. */
  #snapshot: ChannelSnapshot | null = null;
  /** The events received after `#start`. */
  #events: ChannelEvent[] = [];
  #start: Position | null;
  /** The length of the events as JSON. */
  #characters = 0;
  /** The position before this tab changed its user; a gap follows. */
  #former: Position | null = null;

  constructor(position: Position | null, report: (output: Output) => void) {
    this.position = position;
    this.#start = position;
    this.#report = report;
  }

  /** Whether this tab has received the channel's state. */
  get hasSnapshot(): boolean {
    return this.#snapshot !== null;
  }

  /**
   * Returns what a tab at position `from` needs to catch up, or null before the first snapshot. A tab without a position
   * receives the current state and no earlier events, like a new connection.
   */
  catchUpFor(from: Position | null): CatchUp | null {
    const { position, status } = this;
    const [snapshot, start] = [this.#snapshot, this.#start];
    if (!snapshot || !start || !position) return null;
    const isCovered = from !== null && isAtOrAfter(from, start);
    const since = from ? (isCovered ? from : start) : position;
    return {
      snapshot: { ...snapshot, resumed: from && isCovered },
      start: since,
      events: this.#events.filter(({ seq }) => seq > since.seq),
      status,
    };
  }

  /**
   * Applies an output of the socket, which may be in another tab.
   * @param after The position before the output in the tab with the socket. Comparing `seq` alone is not enough: filters
   * and unknown event types leave gaps in it, too.
   * @returns `missing` if this tab has not reached `after`. Then the output was not applied.
   */
  apply(output: Output, after: Position | null = null): "missing" | undefined {
    const { position } = this;
    switch (output.type) {
      case "event":
        if (after && position && !isAtOrAfter(position, after)) return "missing";
        this.#applyEvent(output.event);
        return;
      case "gap":
        this.#applyGap(output.gap);
        return;
      case "snapshot":
        this.#applySnapshot(output.snapshot);
        return;
      case "status":
        if (JSON.stringify(output.status) === JSON.stringify(this.status)) return;
        this.status = output.status;
        this.#report(output);
    }
  }

  /**
   * Applies what is new in another tab's catch-up.
   * @param isOpen False once the page has called `close()`, which it may do in a callback: then the rest is not applied.
   * @returns `missing` if the catch-up begins after this tab's position or, before this tab's first snapshot, ends before
   * it. Then nothing was applied, and only the service may still have the missing events.
   */
  catchUp({ snapshot, start, events, status }: CatchUp, isOpen = () => true): "missing" | undefined {
    const from = this.position;
    const isNew = this.#snapshot === null;
    if (from && from.epoch !== start.epoch) {
      this.#applyGap({ from, to: start });
      this.#applySnapshot(snapshot);
    } else if (from && (from.seq < start.seq || (isNew && from.seq > snapshot.seq))) return "missing";
    else if (isNew) this.#applySnapshot(snapshot);
    for (const event of events) if (isOpen()) this.#applyEvent(event);
    if (isOpen()) this.apply({ type: "status", status });
  }

  /** Starts again for another user: drops what was received, so that no other tab gets it. A gap precedes the next snapshot. */
  forget(): void {
    this.#former ??= this.position;
    this.position = null;
    this.#snapshot = null;
    this.#keepEventsFrom(null);
  }

  /** Drops the kept events, and keeps those after `start` from now on. */
  #keepEventsFrom(start: Position | null): void {
    this.#start = start;
    this.#events = [];
    this.#characters = 0;
  }

  #applySnapshot(snapshot: ChannelSnapshot): void {
    const { epoch, seq } = snapshot;
    if (this.#former) this.#report({ type: "gap", gap: { from: this.#former, to: { epoch, seq } } });
    this.#former = null;
    // A tab that has a position in this epoch receives the events in between.
    if (this.position?.epoch !== epoch) this.position = { epoch, seq };
    if (this.#start?.epoch !== epoch) this.#keepEventsFrom(this.position);
    this.#snapshot = snapshot;
    this.#report({ type: "snapshot", snapshot });
  }

  #applyGap({ to }: Gap): void {
    const from = this.position;
    if (from && isAtOrAfter(from, to)) return;
    this.position = to;
    this.#keepEventsFrom(to);
    this.#report({ type: "gap", gap: { from, to } });
  }

  #applyEvent(event: ChannelEvent): void {
    const { position } = this;
    if (!position || event.seq <= position.seq) return;
    this.position = { ...position, seq: event.seq };
    this.#snapshot &&= withEvent(this.#snapshot, event);
    this.#events.push(event);
    this.#characters += sizeOf(event);
    while (this.#events.length > MAX_KEPT_EVENTS || this.#characters > MAX_KEPT_CHARACTERS) {
      const dropped = this.#events.shift();
      if (!dropped) break;
      this.#characters -= sizeOf(dropped);
      this.#start = { ...position, seq: dropped.seq };
    }
    this.#report({ type: "event", event });
  }
}

const sizeOf = (event: ChannelEvent) => JSON.stringify(event).length;

const isAtOrAfter = (position: Position, other: Position) =>
  position.epoch === other.epoch && position.seq >= other.seq;

/** The snapshot after an event. */
function withEvent(snapshot: ChannelSnapshot, event: ChannelEvent): ChannelSnapshot {
  const { seq } = event;
  if (seq <= snapshot.seq) return snapshot;
  if (!("order_id" in snapshot)) return { ...snapshot, seq };
  const { status = snapshot.current_status, ...change } = statusChangeOf(event);
  return { ...snapshot, ...change, current_status: status, seq };
}
