import { setTimeout as delay } from "node:timers/promises";
import { fullJitter } from "../../protocol/backoff.ts";
import { openConnection, REDIS_TIMEOUT_MS, type RedisConnection, RedisUnavailable } from "../redis/connection.ts";
import { refusedByRedis } from "../redis/session.ts";
import { subscribe, type Topics } from "../redis/subscribe.ts";
import { connectionFailure } from "../shared/connection-failure.ts";
import { ForwardLock, LOCK_MS } from "./lock.ts";
import type { ForwardReport } from "./report.ts";

/** How often the lock is renewed and the connection checked. */
const RENEW_MS = 2000;
const STANDBY_POLL_MS = 1000;
const BASE_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5000;
/** What Redis says when retrying is of no use. */
const BAD_CREDENTIALS = /^(NOAUTH|WRONGPASS|NOPERM)\b/;

export interface Forwarding {
  redisUrl: string;
  topics: Topics;
  lockKey: string;
  report: ForwardReport;
  receive(channel: string, message: Buffer): void;
  /** Settles what was received. Called before another instance may take over. */
  drain(): Promise<void>;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Receives messages while this instance has the lock, and waits for it otherwise. Reconnects with back-off.
 * @throws {CommandError} when Redis refuses the credentials or a command.
 */
export async function keepForwarding(forwarding: Forwarding): Promise<void> {
  const { redisUrl, report, signal } = forwarding;
  const lock = new ForwardLock(forwarding.lockKey);
  for (let failures = 0; !signal.aborted; ) {
    // All databases of a Redis share its pub/sub channels, so they share the lock.
    const connection = openConnection(new URL("/", redisUrl).href);
    try {
      if (await waitForLock(lock, connection, forwarding)) {
        failures = 0;
        await forwardWithLock(lock, connection, forwarding);
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

/** Returns whether this instance has the lock; if not, it has to end. */
async function waitForLock(lock: ForwardLock, connection: RedisConnection, { report, signal }: Forwarding) {
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const holder = await lock.acquire(connection);
    if (holder === null) return true;
    if (isFirst) report.onStandby(holder);
    await pause(STANDBY_POLL_MS, signal);
  }
  return false;
}

/** Forwards until the end, or another instance has the lock. @throws {RedisUnavailable} when the connection is lost. */
async function forwardWithLock(
  lock: ForwardLock,
  connection: RedisConnection,
  { redisUrl, topics, report, receive, drain, signal }: Forwarding,
): Promise<void> {
  const subscription = await subscribe(redisUrl, topics, (message, channel) => {
    // After a long pause of this process, another instance may receive the same messages.
    if (lock.isHeld) receive(channel.toString(), message);
  });
  report.forwarding();
  try {
    let checkedAt = Date.now();
    while (await isConnected(subscription.ended, pause(RENEW_MS, signal))) {
      if (signal.aborted) {
        await subscription.finish();
        await drain();
        // Without it, the lock expires.
        return await lock.release(connection).catch(() => {});
      }
      try {
        const [holder] = await Promise.all([lock.acquire(connection), subscription.ping()]);
        if (holder !== null) return;
        checkedAt = Date.now();
      } catch (error) {
        // A Redis that is only slow still has the messages; the lock lasts that long, too.
        if (!(error instanceof RedisUnavailable) || Date.now() - checkedAt > LOCK_MS) throw error;
      }
    }
    throw new RedisUnavailable("The subscription ended", { cause: new Error("the connection was lost") });
  } finally {
    subscription.close();
  }
}

const isConnected = (ended: Promise<void>, pause: Promise<void>) =>
  Promise.race([ended.then(() => false), pause.then(() => true)]);

/** Waits, or until the end. */
const pause = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => {});
