import type { ReactNode } from "react";
import type { OrderUpdates, ProductUpdates } from "../../../../sdk/hooks/react.ts";
import type { OrderEvent, ProductEvent } from "../../../../sdk/index.ts";
import { StatusPill } from "./connection-status.tsx";
import { eventText } from "./event-text.ts";
import { TripTime } from "./trip-time.tsx";

/** The customer's side: a page that listens. */
export function CustomerPane({ updates, children }: { updates: OrderUpdates | ProductUpdates; children: ReactNode }) {
  return (
    <section className="card pane" aria-labelledby="customer" data-is-live={updates.isConnected || undefined}>
      <div className="view-head">
        <h2 id="customer">Customer</h2>
        <span className="pane-role">over WebSocket</span>
        <StatusPill updates={updates} />
      </div>
      {children}
    </section>
  );
}

const ROWS = [0, 1, 2, 3];

/** The newest events with their round trips. Rows keep their places, so that nothing jumps when an event arrives. */
export function LatestEvents({ events }: { events: readonly (OrderEvent | ProductEvent)[] }) {
  return (
    <ol className="latest" aria-label="Latest events">
      {ROWS.map((row) => {
        const event = events[row];
        return (
          <li key={row} data-seq={event?.seq}>
            {event ? (
              <>
                <span className="seq">{event.seq}</span>
                <span className="latest-text">{eventText(event)}</span>
                <TripTime id={event.id} />
              </>
            ) : (
              row === 0 && <span className="muted">No events yet. They appear here as they happen.</span>
            )}
          </li>
        );
      })}
    </ol>
  );
}
