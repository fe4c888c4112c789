import { useState } from "react";
import { ConnectionProblem, NoTokenNote, StatusPill } from "../components/connection-status.tsx";
import { eventText, formatTime } from "../components/event-text.ts";
import { Fact } from "../components/fact.tsx";
import { hashOf } from "../router.ts";
import { resetOrder, type ServiceResponse } from "../service/publish.ts";
import { formatPosition } from "../state/channel-log.ts";
import { useConnections } from "../state/connections.tsx";
import { activeToken, decodeToken, saveCredentials, useCredentials } from "../state/credentials.ts";
import { useStore } from "../state/store.ts";

const STEPS = ["pending", "processing", "shipped", "delivered"];

/** The owner's view of one order: `useOrderUpdates`, with the order's earlier events. */
export function OrderDetailsView() {
  const { order: updates, orderLog } = useConnections();
  const { position } = useStore(orderLog);
  const credentials = useCredentials();
  const { order } = updates;
  const step = STEPS.indexOf(order?.status ?? "");

  return (
    <>
      <div className="view-head">
        <h1>Order</h1>
        <ListenAs />
      </div>
      <p className="lead">
        {credentials.order ? (
          <code className="id">{credentials.order}</code>
        ) : (
          <a href={hashOf("access")}>Add an order id</a>
        )}
      </p>
      {!activeToken(credentials) && <NoTokenNote />}
      <ConnectionProblem updates={updates} />
      <div className="card order">
        <ol className="steps" aria-label="Progress">
          {STEPS.map((name, i) => (
            <li key={name} data-is-done={i <= step || undefined} aria-current={i === step ? "step" : undefined}>
              {name}
            </li>
          ))}
        </ol>
        <dl className="facts">
          <Fact name="Status" value={order?.status} tone={order?.status === "cancelled" ? "bad" : undefined} />
          <Fact name="Payment" value={order?.payment_status} />
          <Fact name="Carrier" value={order?.carrier} />
          <Fact name="Tracking" value={order?.tracking_number} />
          <Fact name="Position" value={formatPosition(position)} />
        </dl>
        {credentials.key && credentials.order && <ResetOrder />}
      </div>
      <section aria-labelledby="timeline" className="card">
        <div className="view-head">
          <h2 id="timeline">Timeline</h2>
          <StatusPill updates={updates} />
        </div>
        {!order?.timeline.length && <p className="empty">No events yet. Publish an order event to see it here.</p>}
        <ol className="feed timeline">
          {order?.timeline.toReversed().map((event) => (
            <li key={event.id}>
              <span className="seq" title="seq">
                {event.seq}
              </span>
              <span>
                {eventText(event)} <code className="muted">{event.type}</code>
              </span>
              <time dateTime={event.ts}>{formatTime(event.ts)}</time>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}

/** Switches between the customer's and the admin's token, both of which may listen to the order. */
function ListenAs() {
  const { customer, admin, as } = useCredentials();
  if (!customer || !admin) return null;
  return (
    <label className="inline">
      Listen as
      <select
        value={as}
        onChange={({ target }) => saveCredentials({ as: target.value === "admin" ? "admin" : "customer" })}
      >
        <option value="customer">customer ({decodeToken(customer)?.subject ?? "unknown"})</option>
        <option value="admin">admin</option>
      </select>
    </label>
  );
}

/** Registers the order or resets it with `PUT`. */
function ResetOrder() {
  const { order, key, customer } = useCredentials();
  const [response, setResponse] = useState<ServiceResponse | null>(null);
  const owner = decodeToken(customer)?.subject ?? "alice";
  return (
    <p className="row">
      <button type="button" onClick={async () => setResponse(await resetOrder(order, owner, key))}>
        Reset the order
      </button>
      <span className="muted">
        <code>PUT /api/v1/orders/…</code> {response && responseText(response)}
      </span>
    </p>
  );
}

function responseText({ status, body: { title } }: ServiceResponse): string {
  if (status === 0) return String(title);
  return status < 300 ? `returned ${status}` : `returned ${status}: ${title}`;
}
