import { useEffect, useRef, useState } from "react";
import { publishEvent } from "../service/publish.ts";
import { useConnections } from "../state/connections.tsx";
import { useCredentials } from "../state/credentials.ts";
import { goOffline, goOnline } from "../state/sockets.ts";
import { useStore } from "../state/store.ts";

const EVENTS_PER_DRILL = 5;
const OFFLINE_MS = 5000;

type Stage = { name: "ready" } | { name: "offline" | "online"; published: number[] };

/** Takes the page offline, publishes events during the outage, and shows what the SDK recovers afterwards. */
export function OfflineDrill() {
  const { products, productsLog } = useConnections();
  const { key } = useCredentials();
  const { counts } = useStore(productsLog);
  const [stage, setStage] = useState<Stage>({ name: "ready" });
  const isOffline = useRef(false);
  const endOutage = () => {
    if (!isOffline.current) return;
    isOffline.current = false;
    goOnline();
  };
  // Leaving the view restores the network.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when the view is left
  useEffect(() => endOutage, []);

  const run = async () => {
    const published: number[] = [];
    setStage({ name: "offline", published });
    isOffline.current = true;
    goOffline();
    const outage = new Promise((resolve) => setTimeout(resolve, OFFLINE_MS));
    await publishAll(published);
    await outage;
    endOutage();
    setStage({ name: "online", published });
  };

  const publishAll = async (published: number[]) => {
    for (let i = 1; key && i <= EVENTS_PER_DRILL; i++) {
      const data = { product_id: "p-08", sku: "NOTE-A5", new_quantity: 100 + i };
      const { body } = await publishEvent({ type: "inventory_updated", data }, "", key);
      if (typeof body.seq !== "number") continue;
      published.push(body.seq);
      productsLog.expectUpTo(body.seq);
    }
  };

  const report = () => {
    if (stage.name === "ready") return products.isConnected ? "Connected." : "Waiting for a connection.";
    const { published } = stage;
    const range = published.length > 0 ? ` Published while offline: seq ${published[0]} to ${published.at(-1)}.` : "";
    if (stage.name === "offline") return `Offline.${range}`;
    if (!products.isConnected) return `The network is back. The SDK is reconnecting.${range}`;
    const isComplete = counts.missed + counts.duplicates === 0;
    const verdict = isComplete ? " Every event arrived exactly once." : "";
    return `Recovered.${range} Missed: ${counts.missed}. Duplicates: ${counts.duplicates}.${verdict}`;
  };

  return (
    <section className="card drill" aria-labelledby="drill">
      <h2 id="drill">Simulate an outage</h2>
      <p>
        Both sockets close and the browser reports that it is offline, for at least {OFFLINE_MS / 1000} seconds.
        {key
          ? ` Meanwhile, the page publishes ${EVENTS_PER_DRILL} events over HTTP.`
          : " Add a publish key to publish events during the outage."}
      </p>
      <button
        type="button"
        className="primary"
        onClick={run}
        disabled={stage.name === "offline" || !products.isConnected}
      >
        Go offline{key ? ` and publish ${EVENTS_PER_DRILL} events` : ""}
      </button>
      <p
        className="drill-report"
        role="status"
        data-stage={stage.name === "online" && products.isConnected ? "recovered" : stage.name}
      >
        {report()}
      </p>
    </section>
  );
}
