import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ErrorReply } from "@redis/client";
import {
  nameOf,
  percentDecoded,
  type RedisCommand,
  readCommand,
  readCommands,
  readPathCommand,
  refusalOf,
} from "../../cli/redis/command.ts";
import { type Connection, openConnection } from "../../cli/redis/connection.ts";
import { type Encoding, type Outcome, outcomeOf, type Reply } from "../../cli/redis/reply.ts";
import { failureOf, Refusal, readBody, readJson, sendJson, tokenCheck } from "./http.ts";
import { streamMessages } from "./stream.ts";

/**
 * Speaks Upstash's REST protocol in front of an ordinary Redis, so that a program made for the one runs on a laptop
 * with the other. For development and tests: it listens on this machine only.
 */

/** A client that uses a kept connection in the moment it is closed here would see a failure that Upstash has not. */
const KEEP_ALIVE_MS = 120_000;

export interface BridgeOptions {
  redisUrl: string;
  /** What requests must bear. */
  token: string;
  /** Of 127.0.0.1; one that is free when it is not given. */
  port?: number;
}

export interface Bridge {
  url: string;
  token: string;
  /**
   * How many commands were passed on since the start, by name in capitals; a subscription counts as one. Those that
   * are refused here are not counted, those that Redis was away for are.
   */
  commands: Record<string, number>;
  /** Ends every request and subscription that is under way. */
  close(): Promise<void>;
}

/** Starts a bridge. Redis need not be there yet: without it, commands are answered with 500. */
export async function startBridge({ redisUrl, token, port = 0 }: BridgeOptions): Promise<Bridge> {
  const connection = openConnection(redisUrl);
  const commands: Record<string, number> = {};
  const count = (name: string) => {
    commands[name] = (commands[name] ?? 0) + 1;
  };
  const isAllowed = tokenCheck(token);
  let answers = 0;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, async (request, response) => {
    // Upstash's clients send it back, to read from a replica that has caught up. Here there is one Redis.
    response.setHeader("upstash-sync-token", `bridge=${++answers}`);
    try {
      const url = new URL(request.url ?? "/", "http://bridge");
      if (!isAllowed(request, url)) throw new Refusal(401, "Unauthorized");
      await answer({ request, response, url, redisUrl, connection, count });
    } catch (error) {
      if (response.headersSent) return response.destroy();
      const [status, message] = failureOf(error);
      sendJson(response, status, { error: message });
    }
  });
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    connection.close();
    throw error;
  }
  // A TCP server's address is never text.
  const { port: openPort } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${openPort}`,
    token,
    commands,
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      connection.close();
      await closed;
    },
  };
}

/** One request, and what its answer needs. */
interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  redisUrl: string;
  connection: Connection;
  count(name: string): void;
}

async function answer({ request, response, url, redisUrl, connection, count }: Exchange): Promise<void> {
  const encoding: Encoding = request.headers["upstash-encoding"] === "base64" ? "base64" : "utf8";
  const [first = "", ...rest] = url.pathname.slice(1).split("/");
  if (first === "subscribe" || first === "psubscribe") {
    const [channel, ...others] = rest;
    if (!channel || others.length > 0) throw new Refusal(400, `ERR wrong number of arguments for '${first}' command`);
    count(first.toUpperCase());
    const isPattern = first === "psubscribe";
    return streamMessages(response, redisUrl, { channel: percentDecoded(channel).toString(), isPattern });
  }

  const body = await readBody(request);
  if (request.method === "POST" && first === "pipeline" && rest.length === 0) {
    const commands = readCommands(readJson(body));
    if (!commands) throw new Refusal(400, "ERR failed to parse pipeline request");
    const allowed = commands.filter((command) => refusalOf(command) === null);
    for (const command of allowed) count(nameOf(command));
    const replies = allowed.length > 0 ? await connection.run(allowed) : [];
    return sendJson(response, 200, pipelineOutcomes(commands, replies, encoding));
  }
  if (request.method === "POST" && first === "multi-exec" && rest.length === 0) {
    const commands = readCommands(readJson(body));
    if (!commands) throw new Refusal(400, "ERR failed to parse multi-exec request");
    for (const command of commands) refuse(command);
    for (const command of commands) count(nameOf(command));
    const replies = await connection.transact(commands);
    if (replies instanceof ErrorReply) throw replies;
    const outcomes = replies.map((reply) => outcomeOf(reply, encoding));
    return sendJson(response, 200, outcomes);
  }

  const command =
    first === "" ? readCommand(readJson(body)) : readPathCommand([first, ...rest], url.searchParams, body);
  if (!command) throw new Refusal(400, "ERR failed to parse command");
  refuse(command);
  count(nameOf(command));
  const [reply = null] = await connection.run([command]);
  const outcome = outcomeOf(reply, encoding);
  sendJson(response, "error" in outcome ? 400 : 200, outcome);
}

function refuse(command: RedisCommand): void {
  const refusal = refusalOf(command);
  if (refusal !== null) throw new Refusal(400, refusal);
}

/** An outcome for every command: of those that Redis was sent, its replies in their order. */
function pipelineOutcomes(commands: RedisCommand[], replies: Reply[], encoding: Encoding): Outcome[] {
  const remaining = replies.values();
  return commands.map((command) => {
    const refusal = refusalOf(command);
    return refusal === null ? outcomeOf(remaining.next().value ?? null, encoding) : { error: refusal };
  });
}
