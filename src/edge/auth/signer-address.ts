import type { Context } from "hono";
import { RATE_LIMITS } from "../../protocol/limits.ts";
import type { HonoEnv } from "../app.ts";
import { addressOf, requireWithinLimit } from "../limits.ts";

/**
 * A signature is judged by the body, so anybody can have a megabyte read and hashed once for every key. So whoever
 * signs is counted by address before that, as whoever connects is. A service publishes more often than that limit
 * allows: while good signatures come from its address, its key's own limit alone counts.
 */

/** Addresses of services, in this isolate, and until when they are known as such, in milliseconds since 1970. */
const knownUntil = new Map<string, number>();
const KNOWN_FOR_MS = RATE_LIMITS.CONNECTS_PER_ADDRESS.periodSeconds * 1000;

/** Before a signed body is read. @throws {Refusal} 429 with `Retry-After`. */
export async function requireReadable(c: Context<HonoEnv>): Promise<void> {
  const address = addressOf(c);
  if (address === null || (knownUntil.get(address) ?? 0) > Date.now()) return;
  await requireWithinLimit(c, "CONNECTS_PER_ADDRESS", address);
}

/** A key has signed what came from there. */
export function knowSigner(c: Context<HonoEnv>): void {
  const address = addressOf(c);
  if (address === null) return;
  const now = Date.now();
  // Only who has a key gets in here, so there are few.
  for (const [other, until] of knownUntil) if (until <= now) knownUntil.delete(other);
  knownUntil.set(address, now + KNOWN_FOR_MS);
}
