import { eventText, formatTime } from "../components/event-text.ts";
import { useConnections } from "../state/connections.tsx";
import { useStore } from "../state/store.ts";

const MAX_SHOWN_EVENTS = 60;

/** The events that this page receives, beside the form that publishes them. */
export function PublishView() {
  const { orderLog, productsLog } = useConnections();
  const events = [...useStore(orderLog).events, ...useStore(productsLog).events]
    .sort((a, b) => b.ts.localeCompare(a.ts) || b.seq - a.seq)
    .slice(0, MAX_SHOWN_EVENTS);
  return (
    <>
      <h1>Received events</h1>
      <p className="lead">Events from both connections of this page as the SDK delivers them, newest first.</p>
      {events.length === 0 ? (
        <p className="empty">No events yet. Publish one to see it here.</p>
      ) : (
        <ol className="card feed">
          {events.map((event) => (
            <li key={event.id}>
              <details>
                <summary>
                  <span className="seq">{event.seq}</span>
                  <span>
                    <code>{event.type}</code>
                    <span className="muted"> {eventText(event)}</span>
                  </span>
                  <time dateTime={event.ts}>{formatTime(event.ts)}</time>
                </summary>
                <pre>{JSON.stringify(event, null, 2)}</pre>
              </details>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
