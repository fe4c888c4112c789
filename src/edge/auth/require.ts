import type { Context } from "hono";
import type { Requester } from "../../channels/contract.ts";
import { configOf } from "../../config/config.ts";
import type { Scope } from "../../config/credentials.ts";
import { type HonoEnv, requestIdOf } from "../context.ts";
import { requireFewBadCredentials, requireWithinLimit } from "../rate-limits.ts";
import { API_KEY_HEADER, bearerToken, presentedKey } from "./credentials.ts";
import { findService, type KeyReason, KeyRefusal, requireScope, type Service } from "./keys.ts";
import { isSigned } from "./signature.ts";
import { tokenRefusal } from "./token-refusals.ts";
import { verifyToken } from "./verify.ts";

/**
 * Requires a publish key with a scope, in `Authorization: Bearer` or `X-API-Key`, for any call but a publish.
 * @throws {Refusal} 400, 401, 429, or 403 when the key lacks the scope or a page sends `X-API-Key`.
 */
export async function requireService(c: Context<HonoEnv>, scope: Scope): Promise<void> {
  requireScope(await requireAnyService(c), scope);
}

/**
 * Requires a publish key with any scope, where the required scope depends on the body. The caller must then call
 * `requireScope`.
 * @throws {Refusal} 400, 401, 403 or 429.
 */
export async function requireAnyService(c: Context<HonoEnv>): Promise<Service> {
  const service = await requireKey(c);
  await requireWithinLimit(c, "MANAGEMENT_PER_KEY", service.name);
  return service;
}

export async function requireKey(c: Context<HonoEnv>): Promise<Service> {
  // Also without a key: the first request after a deploy names what is wrong with the settings.
  const config = configOf(c.env);
  requireOneCredential(c.req.raw);
  const key = presentedKey(c.req.raw);
  if (key === null) throw new KeyRefusal(isSigned(c.req.raw) ? "unsignable" : "missing");
  const service = await findService(key, config);
  return service ? rememberCaller(c, service) : refuseKey(c, "unknown");
}

/** @throws {Refusal} 400 for `X-API-Key` beside another credential; 403 when a page sends it. */
function requireOneCredential(request: Request): void {
  const { headers } = request;
  if (!headers.has(API_KEY_HEADER)) return;
  if (headers.has("Origin")) throw new KeyRefusal("page");
  if (headers.has("Authorization") || isSigned(request)) throw new KeyRefusal("several");
}

/** @throws {Refusal} 401, or 429 after too many wrong credentials. */
export async function refuseKey(c: Context<HonoEnv>, reason: KeyReason): Promise<never> {
  await requireFewBadCredentials(c);
  throw new KeyRefusal(reason);
}

/** Stores the caller's name before any further check, so that the log has it for a refused request as well. */
export function rememberCaller(c: Context<HonoEnv>, service: Service): Service {
  c.set("keyName", service.name);
  return service;
}

/**
 * Requires a publish key with the scope `read`, or a user's token in `Authorization: Bearer`. A user's requests share the
 * limit on connection attempts, because both wake an object for any order id.
 * @throws {Refusal} 400, 401, 403, 429, or 503 while the token cannot be verified.
 */
export async function requireRequester(c: Context<HonoEnv>): Promise<Requester> {
  const config = configOf(c.env);
  requireOneCredential(c.req.raw);
  const key = presentedKey(c.req.raw);
  const service = key === null ? null : await findService(key, config);
  if (service) {
    rememberCaller(c, service);
    await requireWithinLimit(c, "MANAGEMENT_PER_KEY", service.name);
    requireScope(service, "read");
    return "service";
  }
  if (c.req.raw.headers.has(API_KEY_HEADER)) return refuseKey(c, "unknown");
  const verified = await verifyToken(bearerToken(c.req.raw), config, requestIdOf(c));
  if (!verified.ok) {
    const refusal = tokenRefusal(verified);
    // Expired and missing tokens do not count as wrong credentials: honest callers send them, and they are no sign of
    // guessing.
    if (refusal.reason === "token_invalid" || refusal.reason === "token_too_long") await requireFewBadCredentials(c);
    throw refusal;
  }
  await requireWithinLimit(c, "CONNECTS_PER_USER", verified.identity.subject);
  return verified.identity;
}
