import type { Context } from "hono";
import { configOf } from "../../config/config.ts";
import type { Scope } from "../../config/credentials.ts";
import { MAX_BATCH_BYTES } from "../../protocol/publish-call.ts";
import { parseJsonBody, readBytes, requireJson } from "../body.ts";
import type { HonoEnv } from "../context.ts";
import { requireWithinLimit } from "../rate-limits.ts";
import { API_KEY_HEADER } from "./credentials.ts";
import { requireScope, type Service } from "./keys.ts";
import { refuseKey, rememberCaller, requireKey } from "./require.ts";
import { findSigner, isSigned, readSignature } from "./signature.ts";
import { requireSignerWithinLimit, trustSigner } from "./signer-address.ts";

/** An authenticated publish call. */
export interface PublishCall {
  service: Service;
  body: unknown;
  /** The `webhook-id` of a signed request, which is its idempotency key; null when the key itself was presented. */
  signedId: string | null;
}

/**
 * Requires a publish key in `Authorization: Bearer` or `X-API-Key`, or a body signed with one, and reads the body.
 *
 * A signature covers the id, the timestamp and the body but not the path. A route that accepts signed bodies must
 * therefore find the target in the body; otherwise a body could be replayed to another order.
 * @param scope Checked before the body is read, unless the body is signed. Null when it depends on the body.
 * @throws {Refusal} 400, 401, 403, 413, 415 or 429.
 */
export function requirePublishCall(c: Context<HonoEnv>, scope: Scope | null): Promise<PublishCall> {
  const { headers } = c.req.raw;
  const hasKey = headers.has("Authorization") || headers.has(API_KEY_HEADER);
  return hasKey || !isSigned(c.req.raw) ? keyedCall(c, scope) : signedCall(c, scope);
}

async function keyedCall(c: Context<HonoEnv>, scope: Scope | null): Promise<PublishCall> {
  const service = await requireKey(c);
  await requireMayPublish(c, service, scope);
  requireJson(c.req.raw);
  return { service, body: parseJsonBody(await readBytes(c.req.raw, MAX_BATCH_BYTES)), signedId: null };
}

/** The body is read first, because it is part of what the key has signed. */
async function signedCall(c: Context<HonoEnv>, scope: Scope | null): Promise<PublishCall> {
  const signature = readSignature(c.req.raw, Date.now());
  if (typeof signature === "string") return refuseKey(c, signature);
  await requireSignerWithinLimit(c);
  const bytes = await readBytes(c.req.raw, MAX_BATCH_BYTES);
  const service = await findSigner(signature, bytes, configOf(c.env));
  if (!service) return refuseKey(c, "signature");
  trustSigner(c);
  rememberCaller(c, service);
  await requireMayPublish(c, service, scope);
  requireJson(c.req.raw);
  return { service, body: parseJsonBody(bytes), signedId: signature.id };
}

async function requireMayPublish(c: Context<HonoEnv>, service: Service, scope: Scope | null): Promise<void> {
  if (scope) requireScope(service, scope);
  await requireWithinLimit(c, "PUBLISHES_PER_KEY", service.name);
}
