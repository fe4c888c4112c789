import { useState } from "react";
import { ORDER_ACTIONS, type OrderAction } from "../service/order-steps.ts";
import { isAccepted, resetOrder, type ServiceResponse } from "../service/publish.ts";
import { useConnections } from "../state/connections.tsx";
import { decodeToken, useCredentials } from "../state/credentials.ts";
import { lastCalls, usePublish } from "../state/publisher.ts";
import { useStore } from "../state/store.ts";
import { ShopPane } from "./shop-pane.tsx";

// `Object.keys` returns `string[]`; the keys are those of ORDER_ACTIONS.
const ACTIONS = Object.keys(ORDER_ACTIONS) as OrderAction[];
const NEW_ORDER = { status: "pending", payment_status: "pending" };

/** The shop's side of an order: each button publishes one event. */
export function OrderDesk() {
  const { order: id, key, customer } = useCredentials();
  const owner = decodeToken(customer)?.subject ?? null;
  const order = useConnections().order.order ?? NEW_ORDER;
  const publish = usePublish();
  const lastCall = useStore(lastCalls).order;
  const [refusal, setRefusal] = useState<ServiceResponse | null>(null);
  const run = async (response: Promise<ServiceResponse>) => {
    const received = await response;
    setRefusal(isAccepted(received) ? null : received);
  };
  return (
    <ShopPane
      missing={key && id ? null : "an order id and a publish key"}
      lastCall={lastCall}
      refusal={refusal}
      example={ORDER_ACTIONS.Ship.draft(order)}
    >
      <ul className="actions">
        {ACTIONS.map((action) => {
          const { draft, obstacle } = ORDER_ACTIONS[action];
          const why = obstacle(order);
          return (
            <li key={action}>
              <button
                type="button"
                disabled={!key || !id || why !== null}
                onClick={() => void run(publish(draft(order)))}
              >
                {action}
              </button>
              <span className="muted">{why ?? <code>{draft(order).type}</code>}</span>
            </li>
          );
        })}
        <li>
          <button
            type="button"
            disabled={!key || !id || owner === null}
            onClick={() => owner !== null && void run(resetOrder(id, owner, key))}
          >
            Start over
          </button>
          <span className="muted">
            {owner === null ? "needs the customer's token" : <code>PUT /api/v1/orders/…</code>}
          </span>
        </li>
      </ul>
    </ShopPane>
  );
}
