import type { Context } from "hono";
import { configOf } from "../../config/config.ts";
import type { RelayStatus } from "../../ingress/redis/contract.ts";
import { relayStub } from "../../ingress/redis/directory.ts";
import { type Health, MAX_LISTED_ORDERS } from "../../protocol/health.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { Overview } from "../../registry/contract.ts";
import { registryStubs } from "../../registry/directory.ts";
import { withinTimeLimit } from "../../runtime/time-limit.ts";
import { presentedKey } from "../auth/credentials.ts";
import { requireRequester } from "../auth/require.ts";
import { type HonoEnv, reportFault } from "../context.ts";
import { addressOf, requireWithinLimit } from "../rate-limits.ts";
import { addTotals } from "../totals.ts";

type RelayHealth = Pick<RelayStatus, "redis" | "problems">;
const DISABLED_RELAY: RelayHealth = { redis: "disabled", problems: [] };
const UNAVAILABLE_RELAY: RelayHealth = { redis: "unavailable", problems: [] };

/** `GET /api/v1/ws/health`: public. Order ids need a service, an admin, or `HEALTH_DETAILS=public`. */
export async function health(c: Context<HonoEnv>): Promise<Response> {
  const isPrivileged = configOf(c.env).healthIsPublic || (presentedKey(c.req.raw) !== null && (await isOperator(c)));
  const address = addressOf(c);
  if (!isPrivileged && address !== null) await requireWithinLimit(c, "CONNECTS_PER_ADDRESS", address);
  const maxOrders = isPrivileged ? MAX_LISTED_ORDERS : 0;
  // Null when an object fails or does not answer in time. Takes a function, because making the call may throw as well.
  const answerOf = async <T>(call: () => Promise<T>): Promise<T | null> => {
    try {
      return await withinTimeLimit(call());
    } catch (error) {
      reportFault(c, "health", error);
      return null;
    }
  };
  const [overviews, relay] = await Promise.all([
    Promise.all(registryStubs(c.env).map((registry) => answerOf(() => registry.overview(maxOrders)))),
    configOf(c.env).redis ? answerOf(() => relayStub(c.env).status()) : DISABLED_RELAY,
  ]);
  return c.json(healthOf(overviews, relay ?? UNAVAILABLE_RELAY, isPrivileged));
}

async function isOperator(c: Context<HonoEnv>): Promise<boolean> {
  const requester = await requireRequester(c);
  return requester === "service" || requester.isAdmin;
}

/**
 * Combines the registries' overviews into the health response.
 * @param overviews One per registry; null for one that did not respond, which makes the service `degraded`.
 * @param isPrivileged Whether the requester may read order ids. For others, all orders are summed as `orders`.
 */
function healthOf(overviews: (Overview | null)[], { redis, problems }: RelayHealth, isPrivileged: boolean): Health {
  const known = overviews.filter((overview) => overview !== null);
  const kinds = addTotals(known.map(({ kinds }) => kinds));
  const orders = kinds.order.connections;
  const products = kinds.products.connections;

  const listed = known
    .flatMap(({ channels }) => Object.entries(channels))
    .filter(([name]) => name !== PRODUCTS_CHANNEL);
  const listedOrders = isPrivileged ? listed.slice(0, MAX_LISTED_ORDERS) : [];
  const details: Record<string, number> = {
    ...(isPrivileged ? Object.fromEntries(listedOrders) : orders > 0 && { orders }),
    // Last, as the original service listed it.
    ...(products > 0 && { [PRODUCTS_CHANNEL]: products }),
  };
  const isHealthy = known.length === overviews.length && redis !== "unavailable" && problems.length === 0;
  return {
    status: isHealthy ? "healthy" : "degraded",
    redis_status: redis,
    ...(problems.length > 0 && { reasons: problems }),
    active_channels: Object.keys(details),
    total_connections: orders + products,
    channel_details: details,
    ...(isPrivileged && kinds.order.channels > listedOrders.length && { truncated: true }),
  };
}
