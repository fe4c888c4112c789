import { eventText } from "../components/event-text.ts";
import { PublishForm } from "../components/publish-form.tsx";
import { EventTime } from "../components/trip-time.tsx";
import { useConnections } from "../state/connections.tsx";
import { useStore } from "../state/store.ts";

const MAX_SHOWN_EVENTS = 20;

/** A form for any event of the catalogue, and the events that this page receives. */
export function PublishView() {
  return (
    <>
      <h1>Publish</h1>
      <p className="lead">Any event of the catalogue, as your backend would publish it.</p>
      <div className="panes">
        <PublishForm />
        <ReceivedEvents />
      </div>
    </>
  );
}

function ReceivedEvents() {
  const { orderLog, productsLog } = useConnections();
  const events = [...useStore(orderLog).events, ...useStore(productsLog).events]
    .sort((a, b) => b.ts.localeCompare(a.ts) || b.seq - a.seq)
    .slice(0, MAX_SHOWN_EVENTS);
  return (
    <section className="card pane received" aria-labelledby="received">
      <h2 id="received">Received on this page</h2>
      {events.length === 0 ? (
        <p className="empty">No events yet. Publish one to see it here.</p>
      ) : (
        <ol className="feed">
          {events.map((event) => (
            <li key={`${event.type} ${event.id}`}>
              <details>
                <summary>
                  <span className="seq">{event.seq}</span>
                  <span>
                    <code>{event.type}</code>
                    <span className="muted"> {eventText(event)}</span>
                  </span>
                  <EventTime event={event} />
                </summary>
                <pre>{JSON.stringify(event, null, 2)}</pre>
              </details>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
