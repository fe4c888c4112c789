import { usageError } from "../shared/command-error.ts";
import type { Terminal } from "../shared/terminal.ts";

export const DEFAULT_REDIS_URL = "redis://127.0.0.1:6379";

/**
 * Returns the address of a Redis: an option's, else `REDIS_URL`, else the one on this machine.
 * @throws {CommandError} when it is not a Redis address.
 */
export function redisUrlOf({ env }: Pick<Terminal, "env">, option?: string): string {
  const url = option ?? (env.REDIS_URL?.trim() || DEFAULT_REDIS_URL);
  const { protocol, hostname, pathname } = URL.parse(url) ?? {};
  // A path is the number of a database; the client throws for any other.
  if (/^rediss?:$/.test(protocol ?? "") && hostname && /^(\/\d*)?$/.test(pathname ?? "")) return url;
  const source = option === undefined ? "REDIS_URL" : "--redis";
  throw usageError(
    `${source} must be a redis:// or rediss:// address with a host, and at most a database number after it, such as ${DEFAULT_REDIS_URL}.`,
  );
}

/** Returns an address without its user and password, for messages. */
export function shownRedisUrl(redisUrl: string): string {
  const { protocol, host, pathname } = new URL(redisUrl);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
