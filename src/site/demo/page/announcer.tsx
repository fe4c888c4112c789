import { useEffect, useState } from "react";
import { describe } from "./describe.ts";
import { useLive } from "./live.tsx";

/** A burst of events is not read out event by event. */
const QUIET_MS = 800;

/** Tells screen readers what came last. */
export function Announcer() {
  const { order, products } = useLive();
  const [text, setText] = useState("");
  const event = newer(order.lastEvent, products.lastEvent);
  useEffect(() => {
    if (!event) return;
    const timer = setTimeout(() => setText(describe(event)), QUIET_MS);
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
