import type { Context } from "hono";
import { configOf } from "../../config/config.ts";
import type { RelayStatus } from "../../ingress/redis/contract.ts";
import { relayStub } from "../../ingress/redis/directory.ts";
import { type Health, MAX_LISTED_CHANNELS } from "../../protocol/health.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { Overview } from "../../registry/contract.ts";
import { registryStubs } from "../../registry/directory.ts";
import { withinTimeLimit } from "../../runtime/time-limit.ts";
import { logFault } from "../../telemetry/log.ts";
import { presentedKey } from "../auth/credentials.ts";
import { requireRequester } from "../auth/require.ts";
import { type HonoEnv, requestIdOf } from "../context.ts";
import { addressOf, requireWithinLimit } from "../rate-limits.ts";
import { addTotals } from "../totals.ts";

type RelayHealth = Pick<RelayStatus, "redis" | "problems">;

/** `GET /api/v1/ws/health`: public. Order ids need a service, an admin, or `HEALTH_DETAILS=public`. */
export async function health(c: Context<HonoEnv>): Promise<Response> {
  const isPrivileged = configOf(c.env).healthIsPublic || (presentedKey(c.req.raw) !== null && (await isOperator(c)));
  const address = addressOf(c);
  if (!isPrivileged && address !== null) await requireWithinLimit(c, "CONNECTS_PER_ADDRESS", address);
  const [overviews, relay] = await Promise.all([
    overviewsOf(c, isPrivileged ? MAX_LISTED_CHANNELS : 0),
    relayHealthOf(c),
  ]);
  return c.json(healthOf(overviews, relay, isPrivileged));
}

function overviewsOf(c: Context<HonoEnv>, maxOrders: number): Promise<(Overview | null)[]> {
  return Promise.all(
    registryStubs(c.env).map((registry) =>
      withinTimeLimit(registry.overview(maxOrders)).catch((error: unknown) => {
        logFault("health", error, { request_id: requestIdOf(c) });
        return null;
      }),
    ),
  );
}

async function relayHealthOf(c: Context<HonoEnv>): Promise<RelayHealth> {
  if (!configOf(c.env).redis) return { redis: "disabled", problems: [] };
  try {
    return await withinTimeLimit(relayStub(c.env).status());
  } catch (error) {
    logFault("health", error, { request_id: requestIdOf(c) });
    return { redis: "unavailable", problems: [] };
  }
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
  const listedOrders = isPrivileged ? listed.slice(0, MAX_LISTED_CHANNELS) : [];
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
