import { usageError } from "../shared/command-error.ts";
import type { Terminal } from "../shared/terminal.ts";

export const DEFAULT_REDIS_URL = "redis://127.0.0.1:6379";

/**
 * Returns the address of a Redis: an option's, else `REDIS_URL`, else the one on this machine.
 * @throws {CommandError} when it is not a Redis address.
 */
export function redisUrlOf({ env }: Pick<Terminal, "env">, option?: string): string {
  const url = option ?? (env.REDIS_URL?.trim() || DEFAULT_REDIS_URL);
  const { protocol, hostname, pathname, username = "", password = "" } = URL.parse(url) ?? {};
  // A path is the number of a database; the client throws for any other.
  const isAddress = /^rediss?:$/.test(protocol ?? "") && hostname && /^(\/\d*)?$/.test(pathname ?? "");
  if (isAddress && isPercentEncoded(`${username}:${password}`)) return url;
  const source = option === undefined ? "REDIS_URL" : "--redis";
  throw usageError(
    `${source} must be a redis:// or rediss:// address with a host, with any % in its password written as %25, and at most a database number after it, such as ${DEFAULT_REDIS_URL}.`,
  );
}

/** Whether every % in a text begins an escape. */
function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Returns an address without its user and password, for messages. */
export function shownRedisUrl(redisUrl: string): string {
  const { protocol, host, pathname } = new URL(redisUrl);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
