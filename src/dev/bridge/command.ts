import * as z from "zod";
import type { RedisCommand } from "../../cli/redis/connection.ts";
import { BridgeRefusal } from "./http.ts";

/** Redis commands in HTTP requests, and which of them Upstash runs. */

const word = z.union([z.string(), z.number(), z.boolean()]).transform(String);
/** The body of a request with one command. */
export const oneCommand: z.ZodType<RedisCommand> = z.tuple([word], word);
/** The body of a pipeline. */
export const severalCommands = z.array(oneCommand).min(1);

/** Commands that may block the connection, which all requests share. */
const BLOCKING = "BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF";
/** Commands that change the state of the shared connection. */
const CONNECTION =
  "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SELECT AUTH HELLO RESET QUIT CLIENT " +
  "MULTI EXEC DISCARD WATCH UNWATCH READONLY READWRITE ASKING";
/** Commands for the operator of the server. */
const SERVER =
  "CONFIG SHUTDOWN DEBUG ACL MODULE CLUSTER FAILOVER REPLICAOF SLAVEOF PSYNC SYNC SAVE BGSAVE BGREWRITEAOF";
const REFUSED = new Set(`${BLOCKING} ${CONNECTION} ${SERVER}`.split(" "));

/** @throws {BridgeRefusal} for a command that Upstash does not run over REST. */
export function expectAllowed(command: RedisCommand): void {
  const name = nameOf(command);
  if (REFUSED.has(name)) throw new BridgeRefusal(400, `ERR Command is not available: '${name}'`);
  if (blocks(command)) throw new BridgeRefusal(400, `ERR ${name} with BLOCK is not available over REST`);
}

/** Returns a command's name in capitals. */
export const nameOf = ([name]: RedisCommand) => name.toUpperCase();

/** Whether a command reads a stream with `BLOCK`. A group, a consumer or a key may be named "block" as well. */
function blocks(command: RedisCommand): boolean {
  const name = nameOf(command);
  if (name !== "XREAD" && name !== "XREADGROUP") return false;
  const words = command.slice(1).map((arg) => arg.toUpperCase());
  // The options may be in any order: GROUP with its two names may follow BLOCK.
  if (name === "XREADGROUP" && words.includes("GROUP")) words.splice(words.indexOf("GROUP"), 3);
  const streams = words.indexOf("STREAMS");
  return words.slice(0, streams < 0 ? undefined : streams).includes("BLOCK");
}
