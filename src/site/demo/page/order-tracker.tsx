import { useState } from "react";
import { aboutToken, credentials, keep, tokenOf } from "./credentials.ts";
import { describe, timeText } from "./describe.ts";
import { useLive } from "./live.tsx";
import { type Answer, startOver } from "./publish.ts";
import { NoToken } from "./shop-board.tsx";
import { StatusPill, Trouble } from "./status.tsx";
import { useStore } from "./store.ts";
import { addressOf } from "./views.ts";

const STEPS = ["pending", "processing", "shipped", "delivered"];

/** One order as its owner sees it: `useOrderUpdates`, from the beginning of its history on. */
export function OrderTracker() {
  const { order: updates, orderLog } = useLive();
  const { position } = useStore(orderLog);
  const held = useStore(credentials);
  const { order } = updates;
  const step = STEPS.indexOf(order?.status ?? "");

  return (
    <>
      <div className="view-head">
        <h1>The order</h1>
        <ListenAs />
      </div>
      <p className="lead">
        {held.order ? <code className="id">{held.order}</code> : <a href={addressOf("access")}>Choose an order</a>}
      </p>
      {!tokenOf(held) && <NoToken />}
      <Trouble updates={updates} />
      <div className="card order">
        <ol className="steps" aria-label="Progress">
          {STEPS.map((name, i) => (
            <li key={name} data-is-done={i <= step || undefined} aria-current={i === step ? "step" : undefined}>
              {name}
            </li>
          ))}
        </ol>
        <dl className="facts">
          <Fact name="Status" value={order?.status} isBad={order?.status === "cancelled"} />
          <Fact name="Payment" value={order?.payment_status} />
          <Fact name="Carrier" value={order?.carrier} />
          <Fact name="Tracking" value={order?.tracking_number} />
          <Fact name="Position" value={position && `${position.epoch} : ${position.seq}`} />
        </dl>
        {held.key && held.order && <StartOver />}
      </div>
      <section aria-labelledby="timeline" className="card">
        <div className="view-head">
          <h2 id="timeline">Timeline</h2>
          <StatusPill updates={updates} />
        </div>
        {!order?.timeline.length && <p className="empty">No events yet.</p>}
        <ol className="feed timeline">
          {order?.timeline.toReversed().map((event) => (
            <li key={event.id}>
              <span className="seq" title="seq">
                {event.seq}
              </span>
              <span>
                {describe(event)} <code className="muted">{event.type}</code>
              </span>
              <time dateTime={event.ts}>{timeText(event.ts)}</time>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}

function Fact({ name, value, isBad }: { name: string; value: string | null | undefined; isBad?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-fact={name} data-tone={isBad ? "bad" : undefined}>
        {value ?? "—"}
      </dd>
    </div>
  );
}

/** The owner hears of the order, an admin of every order; nobody else does. */
export function ListenAs() {
  const held = useStore(credentials);
  if (!held.customer || !held.admin) return null;
  return (
    <label className="inline">
      Listen as
      <select value={held.as} onChange={({ target }) => keep({ as: target.value === "admin" ? "admin" : "customer" })}>
        <option value="customer">{aboutToken(held.customer)?.subject ?? "customer"}, the customer</option>
        <option value="admin">an admin</option>
      </select>
    </label>
  );
}

/** `PUT` corrects what is known of an order, or registers it; whoever listens is told by events. */
function StartOver() {
  const { order, key, customer } = useStore(credentials);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const owner = aboutToken(customer)?.subject ?? "alice";
  return (
    <p className="row">
      <button type="button" onClick={async () => setAnswer(await startOver(order, owner, key))}>
        Start the order over
      </button>
      <span className="muted">
        <code>PUT /api/v1/orders/…</code>{" "}
        {answer &&
          (answer.status < 300 ? `answered ${answer.status}` : `answered ${answer.status}: ${answer.body.title}`)}
      </span>
    </p>
  );
}
