import { describe, timeText } from "./describe.ts";
import { useLive } from "./live.tsx";
import { useStore } from "./store.ts";

/** Beside the publisher: what listeners get, as they get it. */
export function EventFeed() {
  const { orderLog, productsLog } = useLive();
  const events = [...useStore(orderLog).events, ...useStore(productsLog).events]
    .sort((a, b) => b.ts.localeCompare(a.ts) || b.seq - a.seq)
    .slice(0, 60);
  return (
    <>
      <h1>What listeners get</h1>
      <p className="lead">Every event of the two connections of this page, newest first, as the SDK hands it over.</p>
      {events.length === 0 && <p className="empty">Nothing yet. Publish something.</p>}
      <ol className="card feed">
        {events.map((event) => (
          <li key={event.id}>
            <details>
              <summary>
                <span className="seq">{event.seq}</span>
                <span>
                  <code>{event.type}</code>
                  <span className="muted"> {describe(event)}</span>
                </span>
                <time dateTime={event.ts}>{timeText(event.ts)}</time>
              </summary>
              <pre>{JSON.stringify(event, null, 2)}</pre>
            </details>
          </li>
        ))}
      </ol>
    </>
  );
}
