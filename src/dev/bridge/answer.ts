import type { IncomingMessage, ServerResponse } from "node:http";
import type { RedisCommand, RedisConnection } from "../../cli/redis/connection.ts";
import { expectAllowed, nameOf, oneCommand, severalCommands } from "./command.ts";
import { BridgeRefusal, parseBody, readBody, sendJson } from "./http.ts";
import { type CommandOutcome, type Encoding, outcomeOf } from "./reply.ts";
import { streamMessages } from "./subscription.ts";

/** One request, and what it takes to answer it. */
interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  redisUrl: string;
  connection: RedisConnection;
  maxReplyBytes: number;
  /** Counts a command that is about to be sent to Redis. */
  count(name: string): void;
}

const SUBSCRIBE_PATH = "/subscribe/";

/**
 * Answers a request of the kinds that the service and the command line send: a subscription, a pipeline or a command.
 * @throws {BridgeRefusal | RedisUnavailable}
 */
export async function answer(exchange: Exchange): Promise<void> {
  const { request, response, path, redisUrl, connection, maxReplyBytes, count } = exchange;
  if (path.startsWith(SUBSCRIBE_PATH)) {
    count("SUBSCRIBE");
    return streamMessages(response, redisUrl, decodeURIComponent(path.slice(SUBSCRIBE_PATH.length)));
  }
  const encoding: Encoding = request.headers["upstash-encoding"] === "base64" ? "base64" : "utf8";
  /** Runs all commands, unless Upstash would refuse one. Returns one outcome per command, in order. */
  const run = async (commands: RedisCommand[]): Promise<CommandOutcome[]> => {
    for (const command of commands) expectAllowed(command);
    for (const command of commands) count(nameOf(command));
    return (await connection.run(commands)).map((reply) => outcomeOf(reply, encoding, maxReplyBytes));
  };
  const body = await readBody(request);
  if (path === "/pipeline") return sendJson(response, 200, await run(parseBody(body, severalCommands)));
  if (path !== "/") throw new BridgeRefusal(404, `The bridge does not serve ${path}`);
  const [outcome] = await run([parseBody(body, oneCommand)]);
  sendJson(response, outcome && "error" in outcome ? 400 : 200, outcome);
}
