import { once, setMaxListeners } from "node:events";
import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";
import { untilDeadline } from "../../sdk/publisher/until-deadline.ts";

/** The timeout of connecting, and of each answer. */
export const REDIS_TIMEOUT_MS = 2000;
/** The pause between attempts to reconnect. No back-off: few clients reconnect, and Redis is usually on this machine. */
const RETRY_MS = 50;

export type RedisCommand = [name: string, ...args: string[]];

/** A reply of Redis: blob strings as buffers, simple strings such as `OK` as strings. */
export type Reply = null | number | string | Buffer | ErrorReply | Reply[];

/** Redis is unreachable or too slow. It may nevertheless have run the commands. */
export class RedisUnavailable extends Error {
  constructor(cause: unknown) {
    super("Redis is not available", { cause });
  }
}

/** A connection that reconnects automatically. Every call settles within two seconds. */
export interface RedisConnection {
  /**
   * Runs commands in order.
   * @returns One reply per command, errors included.
   * @throws {RedisUnavailable}
   */
  run(commands: RedisCommand[]): Promise<Reply[]>;
  close(): void;
}

/** Opens a connection in the background; calls wait until it is ready. */
export function openConnection(redisUrl: string): RedisConnection {
  const client = createClient({
    url: redisUrl,
    // Upstash's results have the shapes of RESP2, and bytes stay bytes.
    RESP: 2,
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    socket: { reconnectStrategy: RETRY_MS, connectTimeout: REDIS_TIMEOUT_MS },
    // Fail while disconnected, instead of queueing commands that would run after their caller has given up.
    disableOfflineQueue: true,
  });
  // Each waiting call listens for "error" through `once`; this listener keeps an error without a call from throwing.
  client.on("error", () => {});
  setMaxListeners(0, client);
  client.connect().catch(() => {});

  const send = (command: RedisCommand) =>
    client.sendCommand<Reply>(command).catch((error: unknown) => {
      // A Redis that is still loading its data counts as unavailable.
      if (error instanceof ErrorReply && !error.message.startsWith("LOADING")) return error;
      throw error;
    });

  return {
    run: (commands) =>
      inTime(async (signal) => {
        // Rejects when an attempt fails, because `once` rejects on "error". The next one starts within RETRY_MS.
        if (!client.isReady) await once(client, "ready", { signal });
        return Promise.all(commands.map(send));
      }),
    close: () => client.destroy(),
  };
}

/**
 * Runs work for at most two seconds; then aborts its signal and rejects.
 * @throws {RedisUnavailable} with the reason as its cause.
 */
export async function inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await untilDeadline(Date.now() + REDIS_TIMEOUT_MS, work);
  } catch (cause) {
    throw new RedisUnavailable(cause);
  }
}
