import { usageError } from "../outcome.ts";
import type { Terminal } from "../terminal.ts";

/** The Redis on this machine, or wherever `REDIS_URL` says. */

export const DEFAULT_REDIS_URL = "redis://127.0.0.1:6379";

/** @throws {CommandError} when `REDIS_URL` is no address of a Redis. */
export function redisUrlOf({ env }: Pick<Terminal, "env">): string {
  const url = env.REDIS_URL?.trim() || DEFAULT_REDIS_URL;
  if (/^rediss?:$/.test(URL.parse(url)?.protocol ?? "")) return url;
  throw usageError(`REDIS_URL must be a redis:// or rediss:// address, such as ${DEFAULT_REDIS_URL}.`);
}

/** An address without its user and password, to be shown. */
export function shownRedisUrl(redisUrl: string): string {
  const { protocol, host, pathname } = new URL(redisUrl);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
