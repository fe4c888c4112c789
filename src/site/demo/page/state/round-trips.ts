import type { ChannelKind } from "../../../../protocol/names.ts";
import type { OrderEvent, ProductEvent } from "../../../../sdk/index.ts";
import { Store } from "./store.ts";

/**
 * Measures how long each event takes from the publish call to the page, by the page's own clock. Timestamps of the
 * service would be off by as much as the two clocks differ.
 */

const MAX_TRIPS = 80;

export interface RoundTrip {
  /** The event's id. */
  id: string;
  channel: ChannelKind;
  /** When this page called the service, in milliseconds since 1970; null for events of other publishers. */
  publishedAt: number | null;
  /** When the event arrived on the socket; null until then. */
  receivedAt: number | null;
  /** Whether it happened while the connection was down, and arrived when the connection resumed. */
  isRecovered: boolean;
  /** Null until the service acknowledged the event. */
  seq: number | null;
}

/** Milliseconds since 1970, finer than `Date.now()` and never set back. */
export const pageTime = () => performance.timeOrigin + performance.now();

class RoundTrips extends Store<readonly RoundTrip[]> {
  /** Records that the page publishes an event. One that is published again keeps its first round trip. */
  publish(id: string, channel: ChannelKind): void {
    if (this.#has(id, channel)) return;
    const trip = { id, channel, publishedAt: pageTime(), receivedAt: null, isRecovered: false, seq: null };
    this.#keep([...this.get(), trip]);
  }

  /** Records the service's acknowledgement. */
  acknowledge(id: string, channel: ChannelKind, seq: number): void {
    this.#change(id, channel, { seq });
  }

  /** Forgets an event that the service did not apply, unless it applied the event earlier. */
  forget(id: string, channel: ChannelKind): void {
    this.set(this.get().filter((trip) => !isTripOf(trip, id, channel) || trip.seq !== null));
  }

  /** Records an event from the socket. */
  receive({ id, seq }: OrderEvent | ProductEvent, channel: ChannelKind, isRecovered: boolean): void {
    const arrival = { receivedAt: pageTime(), isRecovered, seq };
    if (this.#has(id, channel)) this.#change(id, channel, arrival);
    else this.#keep([...this.get(), { id, channel, publishedAt: null, ...arrival }]);
  }

  #has(id: string, channel: ChannelKind): boolean {
    return this.get().some((trip) => isTripOf(trip, id, channel));
  }

  #change(id: string, channel: ChannelKind, changes: Partial<RoundTrip>): void {
    this.set(this.get().map((trip) => (isTripOf(trip, id, channel) ? { ...trip, ...changes } : trip)));
  }

  #keep(trips: RoundTrip[]): void {
    this.set(trips.slice(-MAX_TRIPS));
  }
}

/** An id is unique only within its channel. */
const isTripOf = (trip: RoundTrip, id: string, channel: ChannelKind) => trip.id === id && trip.channel === channel;

export const roundTrips = new RoundTrips([]);

/** Returns the milliseconds from publish to arrival; null if unknown. */
export const tripMs = ({ publishedAt, receivedAt }: RoundTrip): number | null =>
  publishedAt === null || receivedAt === null ? null : receivedAt - publishedAt;

/** Returns a duration with its unit: `< 1 ms`, `8.4 ms`, `12 ms`, `3.4 s`. */
export function durationText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 1) return "< 1 ms";
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
