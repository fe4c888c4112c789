/** A Redis command as it came in over HTTP, and whether Upstash would run it. */

export type Argument = string | Buffer;
export type RedisCommand = [name: string, ...args: Argument[]];

/** Reads a command from parsed JSON. @returns Null when it is none: an array of strings, numbers and booleans. */
export function readCommand(json: unknown): RedisCommand | null {
  if (!Array.isArray(json) || !json.every((item) => ["string", "number", "boolean"].includes(typeof item))) return null;
  const [name, ...args] = json.map(String);
  return name === undefined ? null : [name, ...args];
}

/** Reads a list of commands from parsed JSON. @returns Null when one of them is none, or there are none. */
export function readCommands(json: unknown): RedisCommand[] | null {
  if (!Array.isArray(json) || json.length === 0) return null;
  const commands = json.map(readCommand);
  return commands.every((command) => command !== null) ? commands : null;
}

/**
 * Reads a command from a path: `/SET/key/value`. Bytes are taken as they are, text or not. A body becomes the last
 * argument; query parameters come after it, as names and values.
 */
export function readPathCommand(segments: string[], query: URLSearchParams, body: Buffer): RedisCommand | null {
  const [name, ...args] = segments.map(percentDecoded);
  if (!name?.length) return null;
  if (body.length > 0) args.push(body);
  const options = [...query].filter(([key]) => key !== TOKEN_PARAMETER).flat();
  return [name.toString(), ...args, ...options.filter((option) => option !== "")];
}

/** The query parameter that may hold the token. */
export const TOKEN_PARAMETER = "_token";

/** `decodeURIComponent` takes UTF-8 only; a value may be any bytes. */
export function percentDecoded(text: string): Buffer {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1");
}

/** They wait for others, and a request over HTTP cannot. */
const BLOCKING = "BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF";
/** They change what the connection is, and the connection is everybody's. */
const OF_THE_CONNECTION =
  "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SELECT AUTH HELLO RESET QUIT CLIENT " +
  "MULTI EXEC DISCARD WATCH UNWATCH READONLY READWRITE ASKING";
/** They are the operator's. */
const OF_THE_SERVER =
  "CONFIG SHUTDOWN DEBUG ACL MODULE CLUSTER FAILOVER REPLICAOF SLAVEOF PSYNC SYNC SAVE BGSAVE BGREWRITEAOF";
const REFUSED = new Set(`${BLOCKING} ${OF_THE_CONNECTION} ${OF_THE_SERVER}`.split(" "));

/** The error for a command that Upstash does not run over REST; null for one that it does. */
export function refusalOf(command: RedisCommand): string | null {
  const name = nameOf(command);
  if (REFUSED.has(name)) return `ERR Command is not available: '${name}'`;
  return blocks(command) ? `ERR ${name} with BLOCK is not available over REST` : null;
}

/** A command's name in capitals. */
export const nameOf = ([name]: RedisCommand) => name.toUpperCase();

/** Keys follow `STREAMS`, and one of them may well be called "block". */
function blocks(command: RedisCommand): boolean {
  const name = nameOf(command);
  if (name !== "XREAD" && name !== "XREADGROUP") return false;
  // XREADGROUP GROUP group consumer …
  const words = command.slice(name === "XREAD" ? 1 : 4).map((arg) => arg.toString().toUpperCase());
  const streams = words.indexOf("STREAMS");
  return words.slice(0, streams < 0 ? undefined : streams).includes("BLOCK");
}
