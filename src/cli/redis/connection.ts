import { once, setMaxListeners } from "node:events";
import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";
import type { RedisCommand } from "./command.ts";
import type { Reply } from "./reply.ts";

/** How long Redis may take to be connected to, or to answer. */
const TIMEOUT_MS = 2000;
/** How soon a lost connection is tried again, over and over: Redis is next door, or back at any moment. */
const RETRY_MS = 50;

/** Redis is away or too slow. What was asked may have been done nevertheless. */
export class RedisUnavailable extends Error {}

/** What a bridge needs of Redis; every call ends within two seconds. */
export interface Connection {
  /** Runs commands in their order. @returns A reply each; errors of Redis are among them. @throws {RedisUnavailable} */
  run(commands: RedisCommand[]): Promise<Reply[]>;
  /** Runs commands as one transaction. @returns The same, or the error that aborted it. @throws {RedisUnavailable} */
  transact(commands: RedisCommand[]): Promise<Reply[] | ErrorReply>;
  close(): void;
}

/** One connection, which comes back by itself. */
export function openConnection(redisUrl: string): Connection {
  const client = createClient({
    url: redisUrl,
    // Upstash's results have the shapes of RESP2, and bytes stay bytes.
    RESP: 2,
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    socket: { reconnectStrategy: RETRY_MS, connectTimeout: TIMEOUT_MS },
    // Whoever asks is told that Redis is away, and may ask again; nothing happens later, behind its back.
    disableOfflineQueue: true,
  });
  // Each command that is sent listens while it waits; whether Redis is there, they say.
  client.on("error", () => {});
  setMaxListeners(0, client);
  client.connect().catch(() => {});

  const ready = async () => {
    // The next attempt tells, which is at most RETRY_MS away: "error" rejects.
    if (!client.isReady) await once(client, "ready");
  };
  const send = (command: RedisCommand, options?: { chainId: symbol }) =>
    client.sendCommand<Reply>(command, options).catch((error: unknown) => {
      // A Redis that still loads its data is as good as away.
      if (error instanceof ErrorReply && !error.message.startsWith("LOADING")) return error;
      throw error;
    });

  return {
    run: (commands) =>
      inTime(async () => {
        await ready();
        return Promise.all(commands.map((command) => send(command)));
      }),
    transact: (commands) =>
      inTime(async () => {
        await ready();
        // A chain is sent whole or not at all, and without other requests' commands between.
        const chainId = Symbol("transaction");
        const all: RedisCommand[] = [["MULTI"], ...commands, ["EXEC"]];
        const replies = await Promise.all(all.map((command) => send(command, { chainId })));
        const result = replies.at(-1);
        if (Array.isArray(result) || result instanceof ErrorReply) return result;
        throw new Error("EXEC answered neither a list nor an error");
      }),
    close: () => client.destroy(),
  };
}

/** A connection of a listener's own. It does not come back: its end is the listener's news that something was missed. */
export interface Subscription {
  /** Settles when Redis has gone. */
  ended: Promise<void>;
  close(): void;
}

/**
 * Listens to a channel, or to a pattern of channels.
 * @returns Once Redis has confirmed it; messages may come from then on, and in the same moment.
 * @throws {RedisUnavailable}
 */
export async function openSubscription(
  redisUrl: string,
  { channel, isPattern }: { channel: string; isPattern: boolean },
  onMessage: (message: Buffer, channel: Buffer) => void,
): Promise<Subscription> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const client = createClient({
    url: redisUrl,
    RESP: 2,
    socket: { reconnectStrategy: false, connectTimeout: TIMEOUT_MS },
  });
  client.on("error", () => end());
  client.on("end", () => end());
  try {
    await inTime(async () => {
      await client.connect();
      await (isPattern ? client.pSubscribe(channel, onMessage, true) : client.subscribe(channel, onMessage, true));
    });
  } catch (error) {
    client.destroy();
    throw error;
  }
  return { ended, close: () => client.destroy() };
}

async function inTime<T>(work: () => Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  try {
    return await Promise.race([work(), late]);
  } catch (cause) {
    throw new RedisUnavailable("Redis is not available", { cause });
  } finally {
    clearTimeout(timer);
  }
}
