import type { OrderEvent } from "../../../../sdk/index.ts";
import { ConnectionProblem, NoTokenNote } from "../components/connection-status.tsx";
import { CustomerPane } from "../components/customer-pane.tsx";
import { eventText } from "../components/event-text.ts";
import { Fact } from "../components/fact.tsx";
import { OrderDesk } from "../components/order-desk.tsx";
import { EventTime } from "../components/trip-time.tsx";
import { hashOf } from "../router.ts";
import { isCancelled, isShipped, STEPS, stepsTaken } from "../service/order-steps.ts";
import { formatPosition } from "../state/channel-log.ts";
import { useConnections } from "../state/connections.tsx";
import { decodeToken, saveCredentials, useCredentials } from "../state/credentials.ts";
import { useStore } from "../state/store.ts";

/**
 * One order, from the shop's side and the customer's. Uses `useOrderUpdates`, started at an earlier position to show
 * earlier events.
 */
export function OrderDetailsView() {
  const { order } = useCredentials();
  return (
    <>
      <div className="view-head">
        <h1>Order</h1>
        <ListenAs />
      </div>
      <p className="lead">
        {order ? <code className="id">{order}</code> : <a href={hashOf("access")}>Add an order id</a>}
      </p>
      <NoTokenNote />
      <div className="panes">
        <OrderDesk />
        <CustomerOrder />
      </div>
    </>
  );
}

function CustomerOrder() {
  const { order: updates, orderLog } = useConnections();
  const { position } = useStore(orderLog);
  const { order, isConnected } = updates;
  // After "Start over", the order still has its earlier carrier and tracking number.
  const shipment = order && isShipped(order) ? order : null;
  return (
    <CustomerPane updates={updates}>
      <ConnectionProblem updates={updates} />
      {order && isCancelled(order) ? <Cancelled timeline={order.timeline} /> : <Progress />}
      <dl className="facts">
        <Fact name="Status" value={order?.status} tone={order && isCancelled(order) ? "bad" : undefined} />
        <Fact name="Payment" value={order?.payment_status} />
        <Fact name="Carrier" value={shipment?.carrier} />
        <Fact name="Tracking" value={shipment?.tracking_number} />
      </dl>
      <h3>Timeline</h3>
      <Timetable
        timeline={order?.timeline ?? []}
        empty={
          isConnected ? "No events yet. Use the shop's buttons to publish one." : "Not connected, so no events arrive."
        }
      />
      <p className="hint">Position {formatPosition(position) ?? "unknown"}</p>
    </CustomerPane>
  );
}

function Progress() {
  const { order } = useConnections().order;
  const taken = order ? stepsTaken(order) : [];
  const current = taken.lastIndexOf(true);
  return (
    <ol className="steps" aria-label="Progress">
      {STEPS.map((name, i) => (
        <li key={name} data-is-done={taken[i] || undefined} aria-current={i === current ? "step" : undefined}>
          {name}
        </li>
      ))}
    </ol>
  );
}

function Cancelled({ timeline }: { timeline: readonly OrderEvent[] }) {
  const cancellation = timeline.findLast((event) => event.type === "order_cancelled");
  const reason = cancellation?.type === "order_cancelled" ? cancellation.data.reason : null;
  return (
    <p className="note cancelled" data-tone="bad">
      <strong>This order was cancelled.</strong> {reason && `Reason: ${reason}.`}
    </p>
  );
}

function Timetable({ timeline, empty }: { timeline: readonly OrderEvent[]; empty: string }) {
  const first = timeline[0];
  if (!first) return <p className="empty">{empty}</p>;
  return (
    <>
      <ol className="feed timetable">
        {timeline.toReversed().map((event) => (
          <li key={event.id}>
            <span className="seq" title="seq">
              {event.seq}
            </span>
            <span>
              {eventText(event)} <code className="muted">{event.type}</code>
            </span>
            <EventTime event={event} />
          </li>
        ))}
      </ol>
      {first.seq > 1 && (
        <p className="hint">
          Earlier events, up to seq {first.seq - 1}, are not shown. The order's state includes them.
        </p>
      )}
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
