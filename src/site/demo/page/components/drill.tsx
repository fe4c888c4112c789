import { useEffect } from "react";
import { hashOf } from "../router.ts";
import { useConnections } from "../state/connections.tsx";
import { useCredentials } from "../state/credentials.ts";
import { type Drill, drill, EVENTS_PER_DRILL, runDrill, slotKind } from "../state/drill.ts";
import { sale } from "../state/product-change.ts";
import { durationText, roundTrips, tripMs } from "../state/round-trips.ts";
import { useChangeProduct, useShopFloor } from "../state/shop-floor.ts";
import { goOnline } from "../state/sockets.ts";
import { useStore } from "../state/store.ts";
import { Timeline } from "./timeline.tsx";

const SLOTS = Array.from({ length: EVENTS_PER_DRILL }, (_, n) => n);

/** Breaks the connection, lets events happen, resumes it, and shows the missed events fill in. */
export function ReliabilityDrill() {
  const { products, productsLog } = useConnections();
  const { key } = useCredentials();
  const { statusChanges } = useStore(productsLog);
  const trips = useStore(roundTrips).filter(({ channel }) => channel === "products");
  const state = useStore(drill);
  const floor = useShopFloor();
  const change = useChangeProduct();
  // Leaving the view restores the network; the rest of the drill then arrives live.
  useEffect(() => () => (drill.get().stage === "broken" ? goOnline() : undefined), []);

  const run = () => {
    const available = floor.filter(({ status }) => status === "active");
    void runDrill((n) => {
      const product = available[n % available.length];
      if (!product) throw new Error("The shop has no products");
      return change(product, sale(product));
    });
  };

  return (
    <section className="card drill" aria-labelledby="drill" data-stage={drillStage(state, products.isConnected)}>
      <div className="view-head">
        <h2 id="drill">Nothing gets lost</h2>
        <button
          type="button"
          className="primary"
          onClick={run}
          disabled={!key || state.stage === "broken" || !products.isConnected}
        >
          Break the connection
        </button>
      </div>
      <Timeline trips={trips} statusChanges={statusChanges} />
      <ol className="slots" aria-label="Events of the drill">
        {SLOTS.map((n) => (
          <Slot key={n} number={n + 1} event={state.events[n]} />
        ))}
      </ol>
      <p className="drill-report" role="status">
        {key ? <DrillReport state={state} /> : <NoKey />}
      </p>
    </section>
  );
}

function NoKey() {
  return (
    <>
      The drill publishes events, which needs a publish key. <a href={hashOf("access")}>Add a key</a>
    </>
  );
}

const drillStage = ({ stage }: Drill, isConnected: boolean) =>
  stage === "resumed" && isConnected ? "recovered" : stage;

function Slot({ number, event }: { number: number; event: Drill["events"][number] | undefined }) {
  const trip = useStore(roundTrips).find(({ id }) => id === event?.id);
  const kind = slotKind(event, trip);
  const ms = trip && tripMs(trip);
  const text = { empty: "to come", waiting: "not seen yet", arrived: ms ? `after ${durationText(ms)}` : "arrived" };
  return (
    <li data-kind={kind}>
      <strong>{event ? `seq ${event.seq}` : `Event ${number}`}</strong>
      <span>{text[kind]}</span>
    </li>
  );
}

function DrillReport({ state: { stage, events, isRefused } }: { state: Drill }) {
  const { products, productsLog } = useConnections();
  const { counts } = useStore(productsLog);
  if (isRefused) return "The service refused an event. The shop floor shows why, and how to fix it.";
  if (stage === "ready") {
    if (products.isConnected) return "The connection breaks, five sales happen, and it resumes from its position.";
    return products.error ? "The connection is closed. The customer's pane says why." : "Waiting for the connection.";
  }
  if (stage === "broken") {
    return events.length === 0
      ? "The connection is broken. The customer's page knows, and waits for the network."
      : `${events.length} of ${EVENTS_PER_DRILL} events happened. The customer has seen none of them.`;
  }
  if (!products.isConnected) return "The network is back. The page reconnects with its last position.";
  if (counts.missed > 0) return "Resumed. The missed events are arriving.";
  return counts.duplicates === 0
    ? `Resumed: ${events.length} of ${events.length} missed events arrived, in order, each exactly once.`
    : `Resumed: ${counts.duplicates} events arrived more than once. Please report this.`;
}
