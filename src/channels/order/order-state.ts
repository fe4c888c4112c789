import * as z from "zod";
import type { ChannelName } from "../../protocol/names.ts";
import type { AcceptedEvent, OrderRegistration } from "../../protocol/publish.ts";
import type { StatusChange } from "../../protocol/status-change.ts";

/** What is known of an order; null for what nobody said. */
export const orderState = z.object({
  user_id: z.string().nullable(),
  status: z.string().nullable(),
  payment_status: z.string().nullable(),
  version: z.number().nullable(),
  /** When it was delivered or cancelled, in milliseconds since 1970. */
  ended_at: z.number().nullable().default(null),
  /** What a ticket has to name to be let in; null while none has been made for this owner. */
  ticket_series: z.string().nullable().default(null),
});
export type OrderState = z.infer<typeof orderState>;

export const NOTHING_KNOWN: OrderState = {
  user_id: null,
  status: null,
  payment_status: null,
  version: null,
  ended_at: null,
  ticket_series: null,
};

/** An order's state after a registration, an event, or both; the event has the last word. */
export function changed(
  state: OrderState,
  registration: OrderRegistration | null,
  statusChange: StatusChange,
  now: number,
): OrderState {
  const next = { ...state, ...registration, ...statusChange };
  const hasEnded = next.status === "delivered" || next.status === "cancelled";
  // An order that passes from one owner to another keeps no guest of the first one's. Who is the first one known ends
  // no ticket: a shop may tell of the owner after it has let a guest in.
  const hasOtherOwner = state.user_id !== null && next.user_id !== state.user_id;
  return {
    ...next,
    ended_at: hasEnded ? (state.ended_at ?? now) : null,
    ticket_series: hasOtherOwner ? null : state.ticket_series,
  };
}

/**
 * The events that tell listeners what a registration changes and no other event does. The state of an order follows
 * its log: whoever knows the state at some `seq` and applies what comes after is right.
 */
export function corrections(
  state: OrderState,
  registration: OrderRegistration,
  statusChange: StatusChange,
  channel: ChannelName,
  now: number,
): AcceptedEvent[] {
  const types = { status: "order_status_changed", payment_status: "payment_status_changed" } as const;
  return (["status", "payment_status"] as const)
    .filter((field) => statusChange[field] === undefined && state[field] !== registration[field])
    .map((field) => ({
      channel,
      id: crypto.randomUUID(),
      type: types[field],
      data: JSON.stringify({
        order_id: channel.slice("order_".length),
        old_status: state[field],
        new_status: registration[field],
      }),
      version: null,
      request: null,
      productId: null,
      order: null,
      statusChange: { [field]: registration[field] },
      acceptedAt: now,
    }));
}
