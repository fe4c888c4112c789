import type { ChannelCounts } from "../channels/registry.ts";
import { PRODUCTS_CHANNEL } from "../protocol/names.ts";

/** The health page's answer, in the original service's shape. */
export interface Health {
  status: "healthy" | "degraded";
  redis_status: "healthy" | "unavailable" | "disabled";
  active_channels: string[];
  total_connections: number;
  channel_details: Record<string, number>;
}

/**
 * @param counts By channel; null when nobody could be asked, which is a degraded service.
 * @param isPrivileged Whether the asker may read order ids; for others all orders are summed as `orders`.
 */
export function healthOf(counts: ChannelCounts | null, redis: Health["redis_status"], isPrivileged: boolean): Health {
  const details: Record<string, number> = {};
  for (const [channel, count] of Object.entries(counts ?? {})) {
    const name = isPrivileged || channel === PRODUCTS_CHANNEL ? channel : "orders";
    details[name] = (details[name] ?? 0) + count;
  }
  return {
    status: counts && redis !== "unavailable" ? "healthy" : "degraded",
    redis_status: redis,
    active_channels: Object.keys(details),
    total_connections: Object.values(details).reduce((sum, count) => sum + count, 0),
    channel_details: details,
  };
}
