import * as z from "zod";

/** Why the relay is degraded although Redis answers: `reasons` of the health response, and the label `problem`. */
export const RELAY_PROBLEMS = [
  /** At least one channel has taken no events for a minute. */
  "channels_failing",
  /** Too many events wait for their channels, so the relay has stopped reading. */
  "reading_paused",
  /** Dead letters cannot be written. */
  "dead_letters_waiting",
] as const;
export type RelayProblem = (typeof RELAY_PROBLEMS)[number];

export const MAX_LISTED_ORDERS = 1000;

/** The response of `GET /api/v1/ws/health`: the original service's fields, then those that Tidings adds. */
export const healthResponse = z.object({
  status: z.enum(["healthy", "degraded"]),
  redis_status: z.enum(["healthy", "unavailable", "disabled"]),
  active_channels: z.array(z.string()),
  total_connections: z.int(),
  channel_details: z
    .record(z.string(), z.int())
    .describe("Listeners per channel; `orders` is the sum over all orders."),
  reasons: z
    .array(z.enum(RELAY_PROBLEMS))
    .exactOptional()
    .describe("Why the relay is degraded, apart from Redis being unavailable. Absent without such a reason."),
  truncated: z
    .literal(true)
    .exactOptional()
    .describe(
      `Only ${MAX_LISTED_ORDERS} orders are listed; there are more. \`total_connections\` counts the listeners of all.`,
    ),
});
export type Health = z.infer<typeof healthResponse>;
