import { usageError } from "../shared/command-error.ts";
import type { Terminal } from "../shared/terminal.ts";

export const DEFAULT_REDIS_URL = "redis://127.0.0.1:6379";

/**
 * Returns the address of a Redis: an option's, else `REDIS_URL`, else the one on this machine.
 * @throws {CommandError} when it is not a Redis address.
 */
export function redisUrlOf({ env }: Pick<Terminal, "env">, option?: string): string {
  const url = option ?? (env.REDIS_URL?.trim() || DEFAULT_REDIS_URL);
  if (/^rediss?:$/.test(URL.parse(url)?.protocol ?? "")) return url;
  const source = option === undefined ? "REDIS_URL" : "--redis";
  throw usageError(`${source} must be a redis:// or rediss:// address, such as ${DEFAULT_REDIS_URL}.`);
}

/** Returns an address without its user and password, for messages. */
export function shownRedisUrl(redisUrl: string): string {
  const { protocol, host, pathname } = new URL(redisUrl);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
