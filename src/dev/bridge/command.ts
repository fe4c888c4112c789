import type { RedisCommand } from "../../cli/redis/connection.ts";

/** Redis commands in HTTP requests, and which of them Upstash runs. */

/** The query parameter that may hold the token. */
export const TOKEN_PARAMETER = "_token";

/** Reads a command from parsed JSON. @returns Null unless it is an array of strings, numbers and booleans. */
export function readCommand(json: unknown): RedisCommand | null {
  if (!Array.isArray(json) || !json.every((item) => ["string", "number", "boolean"].includes(typeof item))) return null;
  const [name, ...args] = json.map(String);
  return name === undefined ? null : [name, ...args];
}

/** Reads a list of commands from parsed JSON. @returns Null when it is empty or holds anything else. */
export function readCommands(json: unknown): RedisCommand[] | null {
  if (!Array.isArray(json) || json.length === 0) return null;
  const commands = json.map(readCommand);
  return commands.every((command) => command !== null) ? commands : null;
}

/**
 * Reads a command from a path such as `/SET/key/value`, whose segments may encode any bytes. A body follows the
 * path's arguments, then query parameters as names and values; `?NX`, without a value, is a name alone.
 */
export function readPathCommand(segments: string[], query: URLSearchParams, body: Buffer): RedisCommand | null {
  const [name, ...args] = segments.map(percentDecoded);
  if (!name?.length) return null;
  if (body.length > 0) args.push(body);
  const options = [...query].filter(([key]) => key !== TOKEN_PARAMETER).flat();
  return [name.toString(), ...args, ...options.filter((option) => option !== "")];
}

/** Percent-decodes any bytes; `decodeURIComponent` accepts UTF-8 only. */
export function percentDecoded(text: string): Buffer {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1");
}

/** Commands that wait for other clients, which an HTTP request cannot. */
const BLOCKING = "BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF";
/** Commands that change the state of the connection, which all requests share. */
const CONNECTION =
  "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SELECT AUTH HELLO RESET QUIT CLIENT " +
  "MULTI EXEC DISCARD WATCH UNWATCH READONLY READWRITE ASKING";
/** Commands for the operator of the server. */
const SERVER =
  "CONFIG SHUTDOWN DEBUG ACL MODULE CLUSTER FAILOVER REPLICAOF SLAVEOF PSYNC SYNC SAVE BGSAVE BGREWRITEAOF";
const REFUSED = new Set(`${BLOCKING} ${CONNECTION} ${SERVER}`.split(" "));

/** Returns the error for a command that Upstash does not run over REST, else null. */
export function restErrorOf(command: RedisCommand): string | null {
  const name = nameOf(command);
  if (REFUSED.has(name)) return `ERR Command is not available: '${name}'`;
  return blocks(command) ? `ERR ${name} with BLOCK is not available over REST` : null;
}

/** Returns a command's name in capitals. */
export const nameOf = ([name]: RedisCommand) => name.toUpperCase();

/** Whether a command reads a stream with `BLOCK`. Looks only before `STREAMS`: a key after it may be named "block". */
function blocks(command: RedisCommand): boolean {
  const name = nameOf(command);
  if (name !== "XREAD" && name !== "XREADGROUP") return false;
  // XREADGROUP GROUP group consumer …
  const words = command.slice(name === "XREAD" ? 1 : 4).map((arg) => arg.toString().toUpperCase());
  const streams = words.indexOf("STREAMS");
  return words.slice(0, streams < 0 ? undefined : streams).includes("BLOCK");
}
