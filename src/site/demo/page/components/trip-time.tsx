import { durationText, roundTrips, tripMs } from "../state/round-trips.ts";
import { useStore } from "../state/store.ts";

/** How long an event took from this page's publish call to its arrival on the socket. Renders nothing for the history. */
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
