import type { Context } from "hono";
import { registryStub, relayStub } from "../../channels/directory.ts";
import type { ChannelCounts } from "../../channels/registry.ts";
import { configOf, type Env } from "../../config.ts";
import { type Health, healthOf } from "../../telemetry/health.ts";
import { logFault } from "../../telemetry/log.ts";
import type { HonoEnv } from "../app.ts";
import { bearerToken } from "../auth/credentials.ts";
import { requireAsker } from "../auth/require.ts";

/** `GET /api/v1/ws/health`: open to all; order ids only for services and admins, or when `HEALTH_DETAILS=public`. */
export async function health(c: Context<HonoEnv>): Promise<Response> {
  const isPrivileged = configOf(c.env).healthIsPublic || (bearerToken(c.req.raw) !== null && (await isOperator(c)));
  const [counts, redis] = await Promise.all([countsOf(c.env), redisStatusOf(c.env)]);
  return c.json(healthOf(counts, redis, isPrivileged), 200, { "Cache-Control": "no-store" });
}

async function countsOf(env: Env): Promise<ChannelCounts | null> {
  try {
    return await registryStub(env).counts();
  } catch (error) {
    logFault("health", error);
    return null;
  }
}

async function redisStatusOf(env: Env): Promise<Health["redis_status"]> {
  if (!configOf(env).redis) return "disabled";
  try {
    return (await relayStub(env).status()).redis;
  } catch (error) {
    logFault("health", error);
    return "unavailable";
  }
}

async function isOperator(c: Context<HonoEnv>): Promise<boolean> {
  const asker = await requireAsker(c);
  return asker === "service" || asker.isAdmin;
}
