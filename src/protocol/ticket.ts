import * as z from "zod";

/** How long a ticket is valid. */
export const TICKET_TTL_SECONDS = { min: 60, max: 7 * 86_400, default: 3600 };

/** The body of `POST /api/v1/orders/{order_id}/tickets`. */
export const ticketRequest = z.strictObject({
  ttl_seconds: z
    .int()
    .min(TICKET_TTL_SECONDS.min)
    .max(TICKET_TTL_SECONDS.max)
    .default(TICKET_TTL_SECONDS.default)
    .describe(`How long the ticket is valid; ${TICKET_TTL_SECONDS.default} by default.`),
});
