import { createClient } from "@redis/client";
import { inTime, REDIS_TIMEOUT_MS } from "./connection.ts";

/** Channels and patterns to subscribe to. Messages of a channel that is listed and also matches a pattern arrive twice. */
export interface Topics {
  channels?: string[];
  patterns?: string[];
}

export interface Subscription {
  /** Resolves when the connection is lost or closed. Messages after that are lost. */
  ended: Promise<void>;
  /** Checks that Redis still answers. @throws {RedisUnavailable} */
  ping(): Promise<void>;
  /** Closes the subscription once every message that Redis has sent is received, at the latest after two seconds. */
  finish(): Promise<void>;
  close(): void;
}

/**
 * Subscribes on a separate connection, which does not reconnect: when it ends, messages may have been missed.
 * @returns Once Redis has confirmed the subscription. The first messages may arrive before.
 * @throws {RedisUnavailable}
 */
export async function subscribe(
  redisUrl: string,
  { channels = [], patterns = [] }: Topics,
  onMessage: (message: Buffer, channel: Buffer) => void,
): Promise<Subscription> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const client = createClient({
    url: redisUrl,
    RESP: 2,
    socket: { reconnectStrategy: false, connectTimeout: REDIS_TIMEOUT_MS },
  });
  client.on("error", () => end());
  client.on("end", () => end());
  try {
    await inTime(async () => {
      await client.connect();
      if (channels.length > 0) await client.subscribe(channels, onMessage, true);
      if (patterns.length > 0) await client.pSubscribe(patterns, onMessage, true);
    });
  } catch (error) {
    client.destroy();
    throw error;
  }
  const close = () => {
    if (client.isOpen) client.destroy();
    end();
  };
  return {
    ended,
    ping: () => inTime(async () => void (await client.ping())),
    async finish() {
      // Redis confirms an unsubscription after the last message.
      await inTime(async () => {
        if (channels.length > 0) await client.unsubscribe(channels);
        if (patterns.length > 0) await client.pUnsubscribe(patterns);
      }).catch(() => {});
      close();
    },
    close,
  };
}
