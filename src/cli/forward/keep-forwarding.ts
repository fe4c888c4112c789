import { setTimeout as delay } from "node:timers/promises";
import { fullJitter } from "../../protocol/backoff.ts";
import { openConnection, REDIS_TIMEOUT_MS, type RedisConnection, RedisUnavailable } from "../redis/connection.ts";
import { refusedByRedis } from "../redis/session.ts";
import { subscribe, type Topics } from "../redis/subscribe.ts";
import { connectionFailure } from "../shared/connection-failure.ts";
import { HeldMessages } from "./held-messages.ts";
import { ForwardLock, LOCK_MS } from "./lock.ts";
import type { ForwardReport } from "./report.ts";
import { subscribedChannels } from "./spelling.ts";

/** How often the lock is renewed and the connection checked. */
const RENEW_MS = 2000;
const STANDBY_POLL_MS = 1000;
const BASE_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5000;
/** Errors of Redis that retrying cannot fix. */
const BAD_CREDENTIALS = /^(NOAUTH|WRONGPASS|NOPERM)\b/;

interface Forwarding {
  redisUrl: string;
  topics: Topics;
  lockKey: string;
  /** Called once, with the channels that had subscribers before this instance forwarded. */
  onFirstForward(subscribed: string[]): void;
  report: ForwardReport;
  receive(channel: string, message: Uint8Array): void;
  /** Publishes what was received. Called before another instance may take over. */
  drain(): Promise<void>;
  /** Stops forwarding. */
  signal: AbortSignal;
}

/**
 * Receives messages while this instance has the lock, and waits for it otherwise. Reconnects with back-off.
 * @throws {CommandError} when Redis refuses the credentials or a command.
 */
export async function keepForwarding(forwarding: Forwarding): Promise<void> {
  const { redisUrl, report, signal } = forwarding;
  const lock = new ForwardLock(forwarding.lockKey);
  let failures = 0;
  let hasForwarded = false;
  const onConnected = () => {
    failures = 0;
  };
  while (!signal.aborted) {
    // All databases of a Redis share its pub/sub channels, so they share the lock.
    const connection = openConnection(new URL("/", redisUrl).href);
    try {
      while (!signal.aborted) {
        const holder = await lock.acquire(connection);
        if (holder === null) {
          if (!hasForwarded) forwarding.onFirstForward(await subscribedChannels(connection));
          hasForwarded = true;
          await forwardWithLock(lock, connection, forwarding, onConnected);
        } else {
          onConnected();
          report.onStandby(holder);
          await pause(STANDBY_POLL_MS, signal);
        }
      }
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      const reason = connectionFailure(error, REDIS_TIMEOUT_MS);
      if (BAD_CREDENTIALS.test(reason)) throw refusedByRedis(reason, "REDIS_URL");
      if (failures === 0) report.disconnected(reason);
      await pause(fullJitter(failures++, BASE_BACKOFF_MS, MAX_BACKOFF_MS), signal);
    } finally {
      connection.close();
    }
  }
}

/** Forwards until stopped, or until another instance has the lock. @throws {RedisUnavailable} when the connection is lost. */
async function forwardWithLock(
  lock: ForwardLock,
  connection: RedisConnection,
  { redisUrl, topics, report, receive, drain, signal }: Forwarding,
  onConnected: () => void,
): Promise<void> {
  // After a long pause of this process, another instance may have received the same messages, so they wait for the lock.
  const held = new HeldMessages(report);
  const receiveHeld = () => {
    for (const { channel, message } of lock.isHeld ? held.take() : []) receive(channel, message);
  };
  const subscription = await subscribe(redisUrl, topics, (message, channel) => {
    receiveHeld();
    if (lock.isHeld) receive(channel.toString(), message);
    else held.add(channel.toString(), message);
  });
  onConnected();
  report.forwarding();
  const lost = new AbortController();
  void subscription.ended.then(() => lost.abort());
  const interrupted = AbortSignal.any([signal, lost.signal]);
  try {
    for (let checkedAt = Date.now(); ; ) {
      await pause(RENEW_MS, interrupted);
      if (signal.aborted) {
        await subscription.finish();
        await drain();
        // If this fails, the lock expires by itself.
        return await lock.release(connection).catch(() => {});
      }
      if (lost.signal.aborted) throw new RedisUnavailable(new Error("the connection was lost"));
      try {
        const [holder] = await Promise.all([lock.acquire(connection), subscription.ping()]);
        if (holder !== null) return;
        receiveHeld();
        checkedAt = Date.now();
      } catch (error) {
        // A slow Redis keeps the messages meanwhile, and the lock holds for LOCK_MS.
        if (!(error instanceof RedisUnavailable) || Date.now() - checkedAt > LOCK_MS) throw error;
      }
    }
  } finally {
    held.take();
    subscription.close();
  }
}

/** Waits until the time has passed or the signal aborts. */
const pause = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => {});
