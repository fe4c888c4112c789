import { orderChannelName } from "../../protocol/names.ts";
import type { AcceptedEvent, OrderRegistration } from "../../protocol/publish.ts";
import type { StatusChange } from "../../protocol/status-change.ts";
import type { Requester } from "../contract.ts";
import type { OrderState } from "./order-state.ts";

/**
 * What an order does with events and registrations, as pure functions: state and event in; new state, corrections and
 * revocations out. Times are in milliseconds since 1970.
 */

/** What an event or a registration does to an order. */
export interface OrderChange {
  state: OrderState;
  /** Events that announce changes which the event itself does not. */
  corrections: AcceptedEvent[];
  /** Whether there is a first owner or another one, so that listeners may have lost access. */
  hasNewOwner: boolean;
}

/** The circumstances of a change. */
export interface ChangeContext {
  orderId: string;
  /** Whether anything was known of the order before, so that a listener may have seen its state. */
  isKnown: boolean;
  now: number;
  /** Statuses that end an order, in lower case. */
  terminalStatuses: ReadonlySet<string>;
  /** Makes the id of a correction. */
  newId: () => string;
}

/** Applies an event, or a registration without an event. Returns `stale` if its version is not newer than the order's. */
export function applyToOrder(
  state: OrderState,
  { version, order, statusChange }: Pick<AcceptedEvent, "version" | "order" | "statusChange">,
  context: ChangeContext,
): OrderChange | "stale" {
  if (version !== null && state.version !== null && version <= state.version) return "stale";
  return {
    state: stateAfter(state, order, statusChange, version, context),
    corrections: order ? correctionsOf(state, order, statusChange, context) : [],
    hasNewOwner: order !== null && order.user_id !== state.user_id,
  };
}

/**
 * Returns whether a requester may listen to an order and read it: its owner, admins, the shop's own services, and guests
 * with a ticket of the current generation. A ticket's subject is never a user, whatever it is called.
 */
export function mayListen({ user_id, ticketGeneration }: OrderState, orderId: string, requester: Requester): boolean {
  if (requester === "service") return true;
  if (requester.orderId !== null) {
    const isCurrent = ticketGeneration !== null && requester.ticketGeneration === ticketGeneration;
    return requester.orderId === orderId && isCurrent;
  }
  return requester.isAdmin || (user_id !== null && user_id === requester.subject);
}

/**
 * Completes a state stored by version 0.1.0, which recorded no `changedAt`, and no `endedAt` for some statuses that end an
 * order now: what is missing becomes `now`. Returns null if the state is already complete.
 */
export function completeState(
  state: OrderState,
  { now, terminalStatuses }: Pick<ChangeContext, "now" | "terminalStatuses">,
): OrderState | null {
  if (state.changedAt !== null) return null;
  return { ...state, changedAt: now, endedAt: state.endedAt ?? (hasEnded(state, terminalStatuses) ? now : null) };
}

const hasEnded = ({ status }: OrderState, terminalStatuses: ReadonlySet<string>) =>
  terminalStatuses.has(status?.toLowerCase() ?? "");

/** Returns the state after a registration, a status change, or both; the status change takes precedence. */
function stateAfter(
  state: OrderState,
  registration: OrderRegistration | null,
  statusChange: StatusChange,
  version: number | null,
  { now, terminalStatuses }: ChangeContext,
): OrderState {
  const next = { ...state, ...registration, ...statusChange };
  // A new owner's order admits no guest of the former owner. The first known owner ends no ticket: a shop may admit a
  // guest before it registers the owner.
  const hasChangedOwner = state.user_id !== null && next.user_id !== state.user_id;
  return {
    ...next,
    version: version ?? state.version,
    changedAt: now,
    endedAt: hasEnded(next, terminalStatuses) ? (state.endedAt ?? now) : null,
    ticketGeneration: hasChangedOwner ? null : state.ticketGeneration,
  };
}

/**
 * The events that announce what a registration changes beyond the event it came with. A client that knows the state at
 * some `seq` and applies every later event must arrive at the current state.
 */
function correctionsOf(
  state: OrderState,
  registration: OrderRegistration,
  statusChange: StatusChange,
  { orderId, isKnown, now, newId }: ChangeContext,
): AcceptedEvent[] {
  if (!isKnown) return [];
  const types = { status: "order_status_changed", payment_status: "payment_status_changed" } as const;
  return (["status", "payment_status"] as const)
    .filter((field) => statusChange[field] === undefined && state[field] !== registration[field])
    .map((field) => ({
      channel: orderChannelName(orderId),
      id: newId(),
      type: types[field],
      data: JSON.stringify({ order_id: orderId, old_status: state[field], new_status: registration[field] }),
      version: null,
      request: null,
      productId: null,
      order: null,
      status: null,
      statusChange: { [field]: registration[field] },
      acceptedAt: now,
    }));
}
