import { durationText, roundTrips, tripMs } from "../state/round-trips.ts";
import { useStore } from "../state/store.ts";
import { formatTime } from "./event-text.ts";

/** An event's trip time, followed by the time at which the service accepted it. */
export function EventTime({ event: { id, ts } }: { event: { id: string; ts: string } }) {
  return (
    <span className="when">
      <TripTime id={id} />
      <time dateTime={ts}>{formatTime(ts)}</time>
    </span>
  );
}

/** How long an event took from this page's publish call to its arrival on the socket. Nothing for earlier events. */
export function TripTime({ id }: { id: string }) {
  const trip = useStore(roundTrips).find((one) => one.id === id);
  if (!trip) return null;
  const ms = tripMs(trip);
  if (ms === null) return <span className="trip-time muted">not timed</span>;
  return (
    <span className="trip-time" data-recovered={trip.isRecovered || undefined}>
      {trip.isRecovered && "recovered after "}
      {durationText(ms)}
    </span>
  );
}
