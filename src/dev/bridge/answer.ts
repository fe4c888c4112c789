import type { IncomingMessage, ServerResponse } from "node:http";
import { ErrorReply } from "@redis/client";
import type { RedisCommand, RedisConnection, Reply } from "../../cli/redis/connection.ts";
import { subscribe } from "../../cli/redis/subscribe.ts";
import { expectAllowed, nameOf, oneCommand, severalCommands } from "./command.ts";
import { BridgeRefusal, parseBody, readBody, sendJson, tooLargeError } from "./http.ts";

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

/** A command's outcome in Upstash's REST protocol. */
type CommandOutcome = { result: unknown } | { error: string };

/** How strings in results are encoded. JSON has no bytes, so clients that need them intact ask for base64. */
type Encoding = "utf8" | "base64";

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
  /**
   * Runs commands and returns one outcome for each, in order. Refuses all of them when Upstash would refuse one; Upstash
   * itself would run the others.
   */
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

/** Converts a reply of Redis into an outcome, ready for JSON. @param maxBytes A larger reply becomes an error. */
function outcomeOf(reply: Reply, encoding: Encoding, maxBytes: number): CommandOutcome {
  if (reply instanceof ErrorReply) return { error: reply.message };
  const bytes = replyBytes(reply);
  if (bytes > maxBytes) return { error: tooLargeError(bytes, maxBytes) };
  // Upstash's client decodes every string, `PONG` and `stream` included, except this one word.
  return { result: reply === "OK" ? reply : encoded(reply, encoding) };
}

function encoded(reply: Reply, encoding: Encoding): unknown {
  if (Array.isArray(reply)) return reply.map((item) => encoded(item, encoding));
  if (reply === null || typeof reply === "number") return reply;
  if (reply instanceof ErrorReply) return encoded(reply.message, encoding);
  const bytes = typeof reply === "string" ? Buffer.from(reply) : reply;
  return bytes.toString(encoding);
}

function replyBytes(reply: Reply): number {
  if (Array.isArray(reply)) return reply.reduce((sum: number, item) => sum + replyBytes(item), 0);
  return Buffer.isBuffer(reply) ? reply.length : 0;
}

/**
 * Answers with a channel's messages as server-sent events, until Redis or the listener disconnects. As in Redis itself, a
 * disconnected listener misses messages: there are no ids and no replay.
 * @throws {RedisUnavailable} before anything was sent.
 */
async function streamMessages(response: ServerResponse, redisUrl: string, channel: string): Promise<void> {
  // The first message may arrive together with the confirmation, which has to be sent first.
  const begin = () => {
    if (response.headersSent) return;
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    response.write(serverSentEvent("subscribe", channel, "1"));
  };
  const closed = new Promise((resolve) => response.once("close", resolve));
  const subscription = await subscribe(redisUrl, { channels: [channel] }, (message) => {
    begin();
    response.write(serverSentEvent("message", channel, message.toString()));
  });
  begin();
  await Promise.race([subscription.ended, closed]);
  subscription.close();
  response.end();
}

/** Formats a server-sent event. A line break ends a field, so each line becomes its own field. */
function serverSentEvent(...parts: string[]): string {
  const lines = parts.join(",").split(/\r\n|\r|\n/);
  return `${lines.map((line) => `data: ${line}`).join("\n")}\n\n`;
}
