import * as z from "zod";
import type { OrderResource } from "../contract.ts";

/** An order's state; null for what is not known yet. Times are in milliseconds since 1970. */
export interface OrderState
  extends Pick<OrderResource, "user_id" | "status" | "payment_status" | "tracking_number" | "carrier"> {
  version: number | null;
  /** When it reached a terminal status. */
  endedAt: number | null;
  /** When it last changed; null before the first change. Also null in what version 0.1.0 stored, until the backfill. */
  changedAt: number | null;
  /** The generation that tickets must carry to be admitted; null while none was issued for this owner. */
  ticketGeneration: string | null;
}

export const UNKNOWN_ORDER: OrderState = {
  user_id: null,
  status: null,
  payment_status: null,
  tracking_number: null,
  carrier: null,
  version: null,
  endedAt: null,
  changedAt: null,
  ticketGeneration: null,
};

/**
 * The stored form. Its names are those of every version so far, fields added later have defaults, and fields that only a
 * later version knows are kept.
 */
export const storedOrder = z.looseObject({
  user_id: z.string().nullable(),
  status: z.string().nullable(),
  payment_status: z.string().nullable(),
  tracking_number: z.string().nullable().default(null),
  carrier: z.string().nullable().default(null),
  version: z.number().nullable(),
  ended_at: z.number().nullable().default(null),
  changed_at: z.number().nullable().default(null),
  ticket_series: z.string().nullable().default(null),
});
type StoredOrder = z.infer<typeof storedOrder>;

export function fromStored({ ended_at, changed_at, ticket_series, ...rest }: StoredOrder): OrderState {
  return { ...rest, endedAt: ended_at, changedAt: changed_at, ticketGeneration: ticket_series };
}

export function toStored({ endedAt, changedAt, ticketGeneration, ...rest }: OrderState): StoredOrder {
  return { ...rest, ended_at: endedAt, changed_at: changedAt, ticket_series: ticketGeneration };
}
