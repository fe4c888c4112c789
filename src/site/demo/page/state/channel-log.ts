import type { ChannelKind } from "../../../../protocol/names.ts";
import type { Gap, OrderEvent, Position, ProductEvent, Status } from "../../../../sdk/index.ts";
import { DeliveryCounter, type DeliveryCounts } from "./delivery-counter.ts";
import { pageTime, roundTrips } from "./round-trips.ts";
import { positionIn } from "./starting-position.ts";
import { Store } from "./store.ts";

const MAX_LOGGED_EVENTS = 100;
const MAX_STATUS_CHANGES = 12;

interface LoggedStatus {
  status: Status;
  at: Date;
  /** The same by `pageTime`, which stands still while the device sleeps. */
  pageTime: number;
  number: number;
  /** Whether an interrupted connection is live again. */
  isReconnect: boolean;
}

export interface ChannelLogView {
  position: Position | null;
  counts: DeliveryCounts;
  hasBeenLive: boolean;
  /** Whether the connection was interrupted after it had been live. */
  wasInterrupted: boolean;
  /** Whether the last event arrived as it happened; replayed events say nothing about the delay of delivery. */
  isLastEventLive: boolean;
  /** Newest first. */
  events: readonly (OrderEvent | ProductEvent)[];
  /** Newest first, numbered from 1. */
  statusChanges: readonly LoggedStatus[];
}

/** Records what one connection delivers, through the callbacks of the SDK. */
export class ChannelLog extends Store<ChannelLogView> {
  static #created = 0;
  readonly #counter: DeliveryCounter;
  readonly #channel: ChannelKind;

  constructor(channel: ChannelKind) {
    const counter = new DeliveryCounter();
    const flags = { hasBeenLive: false, wasInterrupted: false, isLastEventLive: false };
    super({ position: null, counts: counter.counts(), ...flags, events: [], statusChanges: [] });
    this.#counter = counter;
    this.#channel = channel;
  }

  readonly onEvent = (event: OrderEvent | ProductEvent): void => {
    const { events, statusChanges, hasBeenLive } = this.get();
    const isLive = statusChanges[0]?.status.state === "live";
    this.#counter.receive(event.seq);
    // What arrives before the connection is live for the first time is history.
    if (hasBeenLive) roundTrips.receive(event, this.#channel, !isLive);
    this.#update({ isLastEventLive: isLive, events: [event, ...events].slice(0, MAX_LOGGED_EVENTS) });
  };

  readonly onGap = (gap: Gap): void => {
    this.#counter.skipTo(gap.to);
    this.#update({});
  };

  readonly onStatus = (status: Status): void => {
    const { statusChanges, hasBeenLive, wasInterrupted } = this.get();
    const [last] = statusChanges;
    const isLive = status.state === "live";
    const isReconnect = isLive && hasBeenLive && last?.status.state !== "live";
    const change = { status, at: new Date(), pageTime: pageTime(), number: (last?.number ?? 0) + 1, isReconnect };
    this.#update({
      wasInterrupted: wasInterrupted || (hasBeenLive && !isLive),
      hasBeenLive: hasBeenLive || isLive,
      statusChanges: [change, ...statusChanges].slice(0, MAX_STATUS_CHANGES),
    });
  };

  /** Expects every event up to `seq`, which the service acknowledged to the publisher. */
  expectUpTo(seq: number): void {
    this.#counter.expectUpTo(seq);
    this.#update({});
  }

  /** What a hook needs to report to this log. */
  readonly hookOptions = {
    // Unique within the page, so that the log gets a connection of its own. For the same user, the hooks would reuse a
    // connection that they stopped using less than a second ago, and that reports to the former log.
    user: `log-${++ChannelLog.#created}`,
    onEvent: this.onEvent,
    onGap: this.onGap,
    onStatus: this.onStatus,
    // Hooks do not return the position; they only write it to `storage`.
    storage: {
      getItem: () => null,
      setItem: (_: string, text: string) => {
        const position = positionIn(text);
        if (!position) return;
        this.#counter.startAt(position);
        this.#update({ position });
      },
    },
  };

  #update(changes: Partial<ChannelLogView>): void {
    this.set({ ...this.get(), ...changes, counts: this.#counter.counts() });
  }
}

export const formatPosition = (position: Position | null) =>
  position === null ? null : `${position.epoch} : ${position.seq}`;
