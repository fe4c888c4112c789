import type { Context } from "hono";
import { registryStubs, relayStub } from "../../channels/directory.ts";
import { configOf } from "../../config/config.ts";
import type { Overview } from "../../registry/contract.ts";
import { logFault } from "../../telemetry/log.ts";
import { bearerToken } from "../auth/credentials.ts";
import { requireRequester } from "../auth/require.ts";
import { type HonoEnv, requestIdOf } from "../context.ts";
import { type Health, healthOf, MAX_LISTED_CHANNELS } from "../health.ts";
import { addressOf, requireWithinLimit } from "../rate-limits.ts";

/** `GET /api/v1/ws/health`: public. Order ids need a service, an admin, or `HEALTH_DETAILS=public`. */
export async function health(c: Context<HonoEnv>): Promise<Response> {
  const isPrivileged = configOf(c.env).healthIsPublic || (bearerToken(c.req.raw) !== null && (await isOperator(c)));
  const address = addressOf(c);
  if (!isPrivileged && address !== null) await requireWithinLimit(c, "CONNECTS_PER_ADDRESS", address);
  const [overviews, redis] = await Promise.all([
    overviewsOf(c, isPrivileged ? MAX_LISTED_CHANNELS : 0),
    redisStatusOf(c),
  ]);
  return c.json(healthOf(overviews, redis, isPrivileged), 200, { "Cache-Control": "no-store" });
}

function overviewsOf(c: Context<HonoEnv>, maxChannels: number): Promise<(Overview | null)[]> {
  return Promise.all(
    registryStubs(c.env).map((registry) =>
      registry.overview(maxChannels).catch((error: unknown) => {
        logFault("health", error, { request_id: requestIdOf(c) });
        return null;
      }),
    ),
  );
}

async function redisStatusOf(c: Context<HonoEnv>): Promise<Health["redis_status"]> {
  if (!configOf(c.env).redis) return "disabled";
  try {
    return (await relayStub(c.env).status()).redis;
  } catch (error) {
    logFault("health", error, { request_id: requestIdOf(c) });
    return "unavailable";
  }
}

async function isOperator(c: Context<HonoEnv>): Promise<boolean> {
  const requester = await requireRequester(c);
  return requester === "service" || requester.isAdmin;
}
