import type { Context } from "hono";
import { RATE_LIMITS } from "../../protocol/limits.ts";
import type { HonoEnv } from "../context.ts";
import { addressOf, requireWithinLimit } from "../rate-limits.ts";

/**
 * Verifying a signature means reading the body and hashing it once per key, so an unauthenticated caller could make the
 * service hash a megabyte many times. Signed calls are therefore rate limited by address first, like connection
 * attempts. Services publish more often than that limit allows: an address that produced a valid signature is exempt
 * for a while, and only the limit of its key applies.
 */

/** Exempt addresses in this isolate, with the end of the exemption in milliseconds since 1970. */
const trustedUntil = new Map<string, number>();
const TRUST_MS = RATE_LIMITS.CONNECTS_PER_ADDRESS.periodSeconds * 1000;

/** Rate limits a signed call by address, before its body is read. @throws {Refusal} 429 with `Retry-After`. */
export async function requireSignerWithinLimit(c: Context<HonoEnv>): Promise<void> {
  const address = addressOf(c);
  if (address === null || (trustedUntil.get(address) ?? 0) > Date.now()) return;
  await requireWithinLimit(c, "CONNECTS_PER_ADDRESS", address);
}

/** Exempts the caller's address, after a valid signature. */
export function trustSigner(c: Context<HonoEnv>): void {
  const address = addressOf(c);
  if (address === null) return;
  const now = Date.now();
  // Only holders of a key get here, so the map stays small.
  for (const [other, until] of trustedUntil) if (until <= now) trustedUntil.delete(other);
  trustedUntil.set(address, now + TRUST_MS);
}
