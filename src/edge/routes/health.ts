import type { Context } from "hono";
import { registryStub } from "../../channels/directory.ts";
import { configOf } from "../../config.ts";
import { healthOf } from "../../telemetry/health.ts";
import { logFault } from "../../telemetry/log.ts";
import type { HonoEnv } from "../app.ts";
import { bearerToken } from "../auth/credentials.ts";
import { requireAsker } from "../auth/require.ts";

/** `GET /api/v1/ws/health`: open to all; order ids only for services and admins, or when `HEALTH_DETAILS=public`. */
export async function health(c: Context<HonoEnv>): Promise<Response> {
  const isPrivileged = configOf(c.env).healthIsPublic || (bearerToken(c.req.raw) !== null && (await isOperator(c)));
  const counts = await registryStub(c.env)
    .counts()
    .catch((error: unknown) => {
      logFault("health", error);
      return null;
    });
  return c.json(healthOf(counts, isPrivileged), 200, { "Cache-Control": "no-store" });
}

async function isOperator(c: Context<HonoEnv>): Promise<boolean> {
  const asker = await requireAsker(c);
  return asker === "service" || asker.isAdmin;
}
