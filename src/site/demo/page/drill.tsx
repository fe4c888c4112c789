import { useEffect, useRef, useState } from "react";
import { credentials } from "./credentials.ts";
import { useLive } from "./live.tsx";
import { publish } from "./publish.ts";
import { goOffline, goOnline } from "./sockets.ts";
import { useStore } from "./store.ts";

const EVENTS = 5;
const OFFLINE_MS = 5000;

type Stage = { name: "ready" } | { name: "offline"; published: number[] } | { name: "back"; published: number[] };

/** Takes the page offline, publishes meanwhile, and shows what the SDK makes of it when the network is back. */
export function Drill() {
  const { products, productsLog } = useLive();
  const { key } = useStore(credentials);
  const { counts } = useStore(productsLog);
  const [stage, setStage] = useState<Stage>({ name: "ready" });
  const isOffline = useRef(false);
  const comeBack = () => {
    if (!isOffline.current) return;
    isOffline.current = false;
    goOnline();
  };
  // Whoever leaves the view is not left without a network.
  // biome-ignore lint/correctness/useExhaustiveDependencies: when it is left, and not before
  useEffect(() => comeBack, []);

  const run = async () => {
    const published: number[] = [];
    setStage({ name: "offline", published });
    isOffline.current = true;
    goOffline();
    const patience = new Promise((resolve) => setTimeout(resolve, OFFLINE_MS));
    await publishAll(published);
    await patience;
    comeBack();
    setStage({ name: "back", published });
  };

  const publishAll = async (published: number[]) => {
    for (let i = 1; key && i <= EVENTS; i++) {
      const data = { product_id: "p-08", sku: "NOTE-A5", new_quantity: 100 + i };
      const { body } = await publish({ type: "inventory_updated", data }, "", key);
      if (typeof body.seq !== "number") continue;
      published.push(body.seq);
      productsLog.knows(body.seq);
    }
  };

  return (
    <section className="card drill" aria-labelledby="drill">
      <h2 id="drill">Without a network</h2>
      <p>
        Both sockets break and the page hears that it is offline, for {OFFLINE_MS / 1000} seconds at least.
        {key
          ? ` Meanwhile ${EVENTS} events are published over HTTP.`
          : " With the publish key, events would be published meanwhile."}
      </p>
      <button
        type="button"
        className="primary"
        onClick={run}
        disabled={stage.name === "offline" || !products.isConnected}
      >
        Go offline{key ? ` and publish ${EVENTS}` : ""}
      </button>
      <p className="drill-story" role="status" data-stage={outcome()}>
        {story()}
      </p>
    </section>
  );

  function outcome(): string {
    return stage.name === "back" && products.isConnected ? "recovered" : stage.name;
  }

  function story(): string {
    if (stage.name === "ready") return "Connected. Nothing missed so far.";
    const { published } = stage;
    const range = published.length > 0 ? ` Published meanwhile: seq ${published[0]} to ${published.at(-1)}.` : "";
    if (stage.name === "offline") return `Offline.${range}`;
    if (!products.isConnected) return `The network is back; the SDK reconnects.${range}`;
    return `Back.${range} Missed: ${counts.missed}. Twice: ${counts.twice}.${counts.missed + counts.twice === 0 ? " All there, once each." : ""}`;
  }
}
