import type { Context } from "hono";
import { configOf } from "../config/config.ts";
import { RATE_LIMITS, type RateLimitBinding } from "../protocol/limits.ts";
import { isLimitPerKey } from "../telemetry/labels.ts";
import { recordRateLimited } from "../telemetry/record.ts";
import { type HonoEnv, record, reportFault } from "./context.ts";
import { Refusal } from "./errors.ts";

/**
 * Counts a call towards a rate limit, and returns whether the caller is still within it. The platform counts approximately
 * and per location, so a limit stops loops and floods but is not a quota (Workers, rate limiting binding).
 * @param key What is counted: an address, a user, or a publish key's name.
 */
export async function isWithinLimit(c: Context<HonoEnv>, binding: RateLimitBinding, key: string): Promise<boolean> {
  const limiter = c.env[binding];
  if (!limiter || !configOf(c.env).areRatesLimited) return true;
  const { success } = await limiter.limit({ key }).catch((error: unknown) => {
    // Fails open: authorization is decided elsewhere, and a broken limiter must not take the service down.
    reportFault(c, "rate_limit", error);
    return { success: true };
  });
  if (success) return true;
  const { name } = RATE_LIMITS[binding];
  record(c, (counters) => recordRateLimited(counters, name, isLimitPerKey(name) ? key : undefined));
  return false;
}

/** Requires a caller to be within a rate limit. @throws {Refusal} 429 with `Retry-After`. */
export async function requireWithinLimit(c: Context<HonoEnv>, binding: RateLimitBinding, key: string): Promise<void> {
  if (await isWithinLimit(c, binding, key)) return;
  const { limit, periodSeconds, calls } = RATE_LIMITS[binding];
  throw new Refusal("rate_limited", {
    detail: `At most ${limit} ${calls} per ${periodSeconds} seconds.`,
    headers: { "Retry-After": String(periodSeconds) },
  });
}

/**
 * Requires that an address has not presented too many wrong credentials. Called only when one is refused, so it never
 * affects callers with valid ones. @throws {Refusal} 429 with `Retry-After`, in place of 401.
 */
export async function requireFewBadCredentials(c: Context<HonoEnv>): Promise<void> {
  const address = addressOf(c);
  if (address !== null) await requireWithinLimit(c, "BAD_CREDENTIALS_PER_ADDRESS", address);
}

/**
 * Returns the client's address as Cloudflare reports it, or null without Cloudflare in front. For IPv6 it is the /64
 * network, because one customer usually has all of its addresses (RFC 4291, section 2.5.1).
 */
export function addressOf(c: Context): string | null {
  const address = c.req.header("CF-Connecting-IP") ?? null;
  if (!address?.includes(":") || address.includes(".")) return address;
  const [before = [], after = []] = address.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = new Array<string>(Math.max(8 - before.length - after.length, 0)).fill("0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
