import type { Core } from "./core.ts";
import { maintainListeners } from "./listener-maintenance.ts";

/**
 * Performs what is due for a channel: empties an expired log, and maintains its listeners; or deletes a tombstone. Sets
 * the next alarm first, so that no failure leaves the channel without one.
 */
export async function maintain(core: Core, now: number): Promise<void> {
  const { log, topic, config } = core;
  if (!core.storage.hasData()) {
    await dropTombstone(core, now);
    core.telemetry.reportPending();
    return;
  }
  if (topic.maintain(now) === "erase") {
    await core.alarm.fired(now + config.historyTtlMs, now);
    erase(core, now);
    return;
  }
  // If the object dies before the next alarm is set, the runtime repeats this one.
  const pendingAt = core.fanOut ? await core.fanOut.maintain(now) : Number.POSITIVE_INFINITY;
  const logExpiresAt = log.expiresAt() > now ? log.expiresAt() : Number.POSITIVE_INFINITY;
  await maintainListeners(core, Math.min(topic.dueAt(), logExpiresAt, pendingAt), now);
  log.dropExpired(now);
}

/**
 * Closes every listener and erases everything stored but a tombstone, which is kept for as long as late events may come:
 * the history's span. Returns whether anything was stored.
 */
export function erase(core: Core, now: number): boolean {
  const { storage, listeners, topic, log, alarm, config } = core;
  if (!storage.hasData()) return false;
  listeners.closeWhere(() => "order_not_found");
  storage.erase(now);
  topic.rollback();
  log.invalidate();
  alarm.ensure(now + config.historyTtlMs, now);
  return true;
}

/** Deletes a tombstone whose time has come, so that nothing is left. */
async function dropTombstone(core: Core, now: number): Promise<void> {
  const dropAt = (core.storage.erasedAt() ?? 0) + core.config.historyTtlMs;
  if (now < dropAt) return core.alarm.fired(dropAt, now);
  core.alarm.reset();
  await core.storage.deleteAll();
}
