import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openConnection } from "../../cli/redis/connection.ts";
import { MAX_UPSTASH_MESSAGE_BYTES } from "../../protocol/platform-limits.ts";
import { answer } from "./answer.ts";
import { BridgeRefusal, httpErrorOf, printFault, sendJson, tokenCheck } from "./http.ts";

/**
 * Keeps idle connections open for longer than clients do. A client that reuses a connection at the moment when the
 * bridge closes it would see a failure that Upstash does not have.
 */
const KEEP_ALIVE_MS = 120_000;

interface BridgeOptions {
  redisUrl: string;
  /** Required in every request. */
  token: string;
  /** Larger replies are refused. Default: Upstash's limit on most of its plans. */
  maxReplyBytes?: number;
}

/**
 * A server in front of an ordinary Redis, for development and tests. It speaks the part of Upstash's REST protocol that the
 * service and the command line use.
 */
export interface Bridge {
  url: string;
  token: string;
  /**
   * How many commands the bridge has sent to Redis, by name in capitals. Includes each subscription, and commands that
   * failed because Redis was unavailable; excludes those that the bridge refused.
   */
  commands: Record<string, number>;
  /** Ends every open request and subscription. */
  close(): Promise<void>;
}

/** Starts a bridge, which listens on this machine only. While Redis is unavailable, it answers commands with 500. */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const { redisUrl, token, maxReplyBytes = MAX_UPSTASH_MESSAGE_BYTES } = options;
  const connection = openConnection(redisUrl);
  const commands: Record<string, number> = {};
  const count = (name: string) => {
    commands[name] = (commands[name] ?? 0) + 1;
  };
  const isAllowed = tokenCheck(token);
  let answers = 0;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, async (request, response) => {
    // Upstash's clients send this token back in order to read from a replica that has caught up.
    response.setHeader("upstash-sync-token", `bridge=${++answers}`);
    try {
      if (!isAllowed(request)) throw new BridgeRefusal(401, "Unauthorized");
      await answer({ request, response, path: request.url ?? "/", redisUrl, connection, maxReplyBytes, count });
    } catch (error) {
      // A client that disconnects makes reading its request fail.
      if (!response.destroyed) printFault(error);
      if (response.headersSent) return response.destroy();
      const [status, message] = httpErrorOf(error);
      sendJson(response, status, { error: message });
    }
  });
  server.listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    connection.close();
    throw error;
  }
  // A TCP server's address is never a string.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
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
