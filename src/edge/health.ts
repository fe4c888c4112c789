import type { RelayStatus } from "../ingress/redis/contract.ts";
import type { Overview } from "../registry/contract.ts";
import type { RelayProblem } from "../telemetry/metrics.ts";

/** The health response, in the original service's shape. */
export interface Health {
  status: "healthy" | "degraded";
  redis_status: "healthy" | "unavailable" | "disabled";
  /** Why events from Redis are held up. Absent while they are not. */
  reasons?: RelayProblem[];
  active_channels: string[];
  total_connections: number;
  channel_details: Record<string, number>;
  /** Present when not every channel is listed. `total_connections` counts them all. */
  truncated?: true;
}

export const MAX_LISTED_CHANNELS = 1000;

export type RelayHealth = Pick<RelayStatus, "redis" | "problems">;

/**
 * Combines the registries' overviews into the health response.
 * @param overviews One per registry; null for one that did not respond, which makes the service `degraded`.
 * @param isPrivileged Whether the requester may read order ids. For others, all orders are summed as `orders`.
 */
export function healthOf(
  overviews: (Overview | null)[],
  { redis, problems }: RelayHealth,
  isPrivileged: boolean,
): Health {
  const known = overviews.filter((overview) => overview !== null);
  const sum = (what: (overview: Overview) => number) => known.reduce((total, overview) => total + what(overview), 0);
  const orders = sum(({ kinds }) => kinds.order.connections);
  const products = sum(({ kinds }) => kinds.products.connections);
  const channels = sum(({ kinds }) => kinds.order.channels + kinds.products.channels);

  const summed = { ...(orders > 0 && { orders }), ...(products > 0 && { products }) };
  const listed = known.flatMap((overview) => Object.entries(overview.channels)).slice(0, MAX_LISTED_CHANNELS);
  const details: Record<string, number> = isPrivileged ? Object.fromEntries(listed) : summed;
  const isHealthy = known.length === overviews.length && redis !== "unavailable" && problems.length === 0;
  return {
    status: isHealthy ? "healthy" : "degraded",
    redis_status: redis,
    ...(problems.length > 0 && { reasons: problems }),
    active_channels: Object.keys(details),
    total_connections: orders + products,
    channel_details: details,
    ...(isPrivileged && channels > listed.length && { truncated: true }),
  };
}
