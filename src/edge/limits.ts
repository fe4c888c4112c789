import type { Context } from "hono";
import { configOf } from "../config/config.ts";
import { RATE_LIMITS, type RateLimitBinding } from "../protocol/limits.ts";
import { logFault } from "../telemetry/log.ts";
import type { HonoEnv } from "./app.ts";
import { Refusal } from "./errors.ts";
import { count } from "./observe.ts";

/**
 * Whether a caller may go on. The platform counts for each location on its own and about right: this is a fuse against
 * loops and floods, no bill (Workers, rate limiting binding).
 * @param key Who is counted: an address, a user, a publish key's name.
 */
export async function isWithinLimit(c: Context<HonoEnv>, binding: RateLimitBinding, key: string): Promise<boolean> {
  const limiter = c.env[binding];
  if (!limiter || !configOf(c.env).areRatesLimited) return true;
  const { success } = await limiter.limit({ key }).catch((error: unknown) => {
    // A fuse that fails must not be what stops the shop: who may come in is decided elsewhere.
    logFault("rate_limit", error);
    return { success: true };
  });
  if (success) return true;
  // Keys have names from a list; an address or a user would be a series for each who comes.
  const who = binding === "PUBLISHES_PER_KEY" ? { key } : {};
  count(c, "tidings_rate_limited_total", { limit: RATE_LIMITS[binding].name, ...who });
  return false;
}

/** @throws {Refusal} 429 with `Retry-After`. */
export async function requireWithinLimit(c: Context<HonoEnv>, binding: RateLimitBinding, key: string): Promise<void> {
  if (await isWithinLimit(c, binding, key)) return;
  const { limit, periodSeconds } = RATE_LIMITS[binding];
  throw new Refusal("rate_limited", {
    detail: `At most ${limit} calls in ${periodSeconds} seconds.`,
    headers: { "Retry-After": String(periodSeconds) },
  });
}

/**
 * Where a client connects from, as Cloudflare saw it; null where there is no Cloudflare in front. Of IPv6 it is the
 * network of 64 bits: whoever has one address has all of them (RFC 4291, section 2.5.1).
 */
export function addressOf(c: Context): string | null {
  const address = c.req.header("CF-Connecting-IP") ?? null;
  if (!address?.includes(":") || address.includes(".")) return address;
  const [before = [], after = []] = address.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = new Array<string>(Math.max(8 - before.length - after.length, 0)).fill("0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
