import type { Context } from "hono";
import type { Asker } from "../../channels/order-channel.ts";
import { configOf } from "../../config.ts";
import type { HonoEnv } from "../app.ts";
import { Refusal } from "../errors.ts";
import { bearerToken } from "./credentials.ts";
import { publishKeyName } from "./policy.ts";
import { publicReason, verifyToken } from "./verify.ts";

/**
 * For what only services may do.
 * @returns The name of the publish key.
 * @throws {Refusal} 401.
 */
export async function requirePublishKey(c: Context<HonoEnv>): Promise<string> {
  const name = await publishKeyName(c.req.raw, configOf(c.env));
  if (name !== null) return name;
  throw new Refusal("key_invalid", { detail: "Send `Authorization: Bearer <publish key>`.", fault: "key" });
}

/**
 * Who asks: a service with its publish key, or a user with a token, both in `Authorization: Bearer`.
 * @throws {Refusal} 401.
 */
export async function requireAsker(c: Context<HonoEnv>): Promise<Asker> {
  const config = configOf(c.env);
  if ((await publishKeyName(c.req.raw, config)) !== null) return "service";
  const verified = await verifyToken(bearerToken(c.req.raw), config);
  if (verified.ok) return verified.identity;
  throw new Refusal(publicReason(verified.fault), { fault: verified.fault });
}
