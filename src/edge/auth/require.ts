import type { Context } from "hono";
import type { Requester } from "../../channels/contract.ts";
import { configOf } from "../../config/config.ts";
import type { Scope } from "../../config/credentials.ts";
import type { HonoEnv } from "../app.ts";
import { parseJson, readBytes, requireJson } from "../body.ts";
import { Refusal } from "../errors.ts";
import { requireWithinLimit } from "../limits.ts";
import { bearerToken } from "./credentials.ts";
import { findService, KeyRefusal, requireScope, type Service } from "./keys.ts";
import { findSigner, isSigned, readSignature } from "./signature.ts";
import { knowSigner, requireReadable } from "./signer-address.ts";
import { publicReason, verifyToken } from "./verify.ts";

/**
 * For what only services may do, with a publish key in `Authorization: Bearer`.
 * @throws {Refusal} 401, or 403 when the key is not good for it.
 */
export async function requireService(c: Context<HonoEnv>, scope: Scope): Promise<void> {
  requireScope(await requireAnyService(c), scope);
}

/** The same where only the body tells what the key has to be good for: `requireScope` is the caller's. */
export async function requireAnyService(c: Context<HonoEnv>): Promise<Service> {
  const known = await findService(c.req.raw, configOf(c.env));
  if (known.ok) return noted(c, known.service);
  throw new KeyRefusal(known.fault === "missing" && isSigned(c.req.raw) ? "unsignable" : known.fault);
}

/** A publish as it came in, with the service that vouches for it. */
export interface Publication {
  service: Service;
  body: unknown;
  /** The `webhook-id` of a signed request, which makes it safe to repeat; null when it came with the key itself. */
  signedId: string | null;
}

/**
 * For publishing: with a publish key in `Authorization: Bearer`, or else signed with one.
 *
 * A signature covers the id, the time and the body, and not the path. So whatever takes a signed body has to find in
 * the body itself where it goes, or a body could be replayed to another order.
 * @param scope Asked for before the body is read; null when only the body tells.
 * @throws {Refusal} 401, 403, 429, 413, 415 or 400.
 */
export async function requirePublication(
  c: Context<HonoEnv>,
  scope: Scope | null,
  maxBytes: number,
): Promise<Publication> {
  const request = c.req.raw;
  if (request.headers.has("Authorization") || !isSigned(request)) {
    const service = await requireAnyService(c);
    await requirePublisher(c, service, scope);
    requireJson(request);
    return { service, body: parseJson(await readBytes(request, maxBytes)), signedId: null };
  }
  const headers = readSignature(request, Date.now());
  if (!headers.ok) throw new KeyRefusal(headers.fault);
  await requireReadable(c);
  const bytes = await readBytes(request, maxBytes);
  const known = await findSigner(headers.signature, bytes, configOf(c.env));
  if (!known.ok) throw new KeyRefusal(known.fault);
  knowSigner(c);
  const service = noted(c, known.service);
  await requirePublisher(c, service, scope);
  requireJson(request);
  return { service, body: parseJson(bytes), signedId: headers.signature.id };
}

/** Keeps a service's name, before anything can refuse it: the log has to say whose call that was. */
function noted(c: Context<HonoEnv>, service: Service): Service {
  c.set("key", service.name);
  return service;
}

/** Whether a service may publish this, as often as that is allowed. */
async function requirePublisher(c: Context<HonoEnv>, service: Service, scope: Scope | null): Promise<void> {
  if (scope) requireScope(service, scope);
  await requireWithinLimit(c, "PUBLISHES_PER_KEY", service.name);
}

/**
 * Who asks: a service with a publish key that may read, or a user with a token, both in `Authorization: Bearer`. A user
 * may ask about as often as connect, because either wakes an object, whatever order id comes.
 * @throws {Refusal} 401, 403, 429, or 503 when the token cannot be judged now.
 */
export async function requireRequester(c: Context<HonoEnv>): Promise<Requester> {
  const config = configOf(c.env);
  const known = await findService(c.req.raw, config);
  if (known.ok) {
    requireScope(noted(c, known.service), "read");
    return "service";
  }
  const verified = await verifyToken(bearerToken(c.req.raw), config);
  if (!verified.ok) throw new Refusal(publicReason(verified.fault), { fault: verified.fault });
  await requireWithinLimit(c, "CONNECTS_PER_USER", verified.identity.subject);
  return verified.identity;
}
