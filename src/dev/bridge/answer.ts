import type { IncomingMessage, ServerResponse } from "node:http";
import { ErrorReply } from "@redis/client";
import type { RedisCommand, RedisConnection, Reply } from "../../cli/redis/connection.ts";
import { nameOf, percentDecoded, readCommand, readCommands, readPathCommand, restErrorOf } from "./command.ts";
import { BridgeRefusal, readBody, readJson, sendJson } from "./http.ts";
import { type CommandOutcome, type Encoding, outcomeOf, type ReplyFormat } from "./reply.ts";
import { streamMessages } from "./subscription.ts";

/** One request, and what it takes to answer it. */
interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  redisUrl: string;
  connection: RedisConnection;
  maxReplyBytes: number;
  /** Counts a command that is about to be sent to Redis. */
  count(name: string): void;
}

/**
 * Answers a request of Upstash's REST protocol: a subscription, a pipeline, a transaction or a single command.
 * @throws {BridgeRefusal | ErrorReply | RedisUnavailable}
 */
export async function answer(exchange: Exchange): Promise<void> {
  const { request, response, url, connection, count } = exchange;
  const encoding: Encoding = request.headers["upstash-encoding"] === "base64" ? "base64" : "utf8";
  const format: ReplyFormat = { encoding, maxBytes: exchange.maxReplyBytes };
  const [first = "", ...rest] = url.pathname.slice(1).split("/");
  if (first === "subscribe" || first === "psubscribe") return answerSubscription(exchange, first, rest);

  const body = await readBody(request);
  const isPost = request.method === "POST" && rest.length === 0;
  if (isPost && first === "pipeline") {
    const commands = readCommands(readJson(body));
    if (!commands) throw new BridgeRefusal(400, "ERR failed to parse pipeline request");
    const allowed = commands.filter((command) => restErrorOf(command) === null);
    for (const command of allowed) count(nameOf(command));
    const replies = allowed.length > 0 ? await connection.run(allowed) : [];
    return sendJson(response, 200, pipelineOutcomes(commands, replies, format));
  }
  if (isPost && first === "multi-exec") {
    const commands = readCommands(readJson(body));
    if (!commands) throw new BridgeRefusal(400, "ERR failed to parse multi-exec request");
    for (const command of commands) expectAllowed(command);
    for (const command of commands) count(nameOf(command));
    const replies = await connection.transact(commands);
    if (replies instanceof ErrorReply) throw replies;
    const outcomes = replies.map((reply) => outcomeOf(reply, format));
    return sendJson(response, 200, outcomes);
  }

  const command =
    first === "" ? readCommand(readJson(body)) : readPathCommand([first, ...rest], url.searchParams, body);
  if (!command) throw new BridgeRefusal(400, "ERR failed to parse command");
  expectAllowed(command);
  count(nameOf(command));
  const [reply = null] = await connection.run([command]);
  const outcome = outcomeOf(reply, format);
  sendJson(response, "error" in outcome ? 400 : 200, outcome);
}

/** @param path The segments after `kind`. */
function answerSubscription(
  { response, redisUrl, count }: Exchange,
  kind: "subscribe" | "psubscribe",
  path: string[],
): Promise<void> {
  const [channel, ...others] = path;
  if (!channel || others.length > 0)
    throw new BridgeRefusal(400, `ERR wrong number of arguments for '${kind}' command`);
  count(kind.toUpperCase());
  const target = { channel: percentDecoded(channel).toString(), isPattern: kind === "psubscribe" };
  return streamMessages(response, redisUrl, target);
}

/** @throws {BridgeRefusal} for a command that Upstash does not run. */
function expectAllowed(command: RedisCommand): void {
  const refusal = restErrorOf(command);
  if (refusal !== null) throw new BridgeRefusal(400, refusal);
}

/** Returns one outcome per command, in order. `replies` has those of the commands that were sent to Redis. */
function pipelineOutcomes(commands: RedisCommand[], replies: Reply[], format: ReplyFormat): CommandOutcome[] {
  const remaining = replies.values();
  return commands.map((command) => {
    const refusal = restErrorOf(command);
    return refusal === null ? outcomeOf(remaining.next().value ?? null, format) : { error: refusal };
  });
}
