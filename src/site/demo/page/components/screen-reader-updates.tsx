import { useEffect, useRef, useState } from "react";
import { useConnections } from "../state/connections.tsx";
import { eventText } from "./event-text.ts";
import { useAreShoppersOn } from "./shoppers.tsx";

/** How long to wait for further events, so that only the last one of a burst is read out. */
const QUIET_MS = 800;

/** Announces the latest event to screen readers. Leaves out products while the simulated shoppers change them. */
export function ScreenReaderUpdates() {
  const { order, products } = useConnections();
  const [text, setText] = useState("");
  const areShoppersOn = useAreShoppersOn();
  const event = areShoppersOn ? order.lastEvent : newer(order.lastEvent, products.lastEvent);
  const announcedAt = useRef("");
  useEffect(() => {
    // The order's last event may be older than the product's that was announced before the shoppers started.
    if (!event || event.ts <= announcedAt.current) return;
    const timer = setTimeout(() => {
      announcedAt.current = event.ts;
      setText(eventText(event));
    }, QUIET_MS);
    return () => clearTimeout(timer);
  }, [event]);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}

function newer<A extends { ts: string }, B extends { ts: string }>(a: A | null, b: B | null): A | B | null {
  if (!a || !b) return a ?? b;
  return a.ts > b.ts ? a : b;
}
