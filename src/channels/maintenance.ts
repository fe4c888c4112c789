import { KEEPALIVE, type TokenExpiringFrame } from "../protocol/frames.ts";
import { logFault } from "../telemetry/log.ts";
import { MIN_GAIN_MS } from "./alarm.ts";
import type { Core } from "./core.ts";
import { dueAction } from "./listeners/due-actions.ts";
import type { Listener } from "./listeners/listener.ts";

/** The delay before failed maintenance is repeated. */
const MAINTENANCE_RETRY_MS = 60_000;

/** Runs maintenance when the alarm fires. A fault is logged and leaves an alarm for the next attempt. */
export async function onAlarm(core: Core, now: number): Promise<void> {
  try {
    if (core.storage.hasData()) await maintain(core, now);
    else await dropTombstone(core, now);
  } catch (error) {
    logFault("maintenance", error, { channel: core.name });
    await core.alarm.fired(now + MAINTENANCE_RETRY_MS, now);
  }
}

/**
 * Performs the due actions: closes idle sockets and those whose token has expired, warns clients whose token is about to
 * expire, sends keep-alives, and empties an expired log. Sets the next alarm first, so that no failure leaves the channel
 * without one.
 */
async function maintain(core: Core, now: number): Promise<void> {
  const { listeners, log, topic, config } = core;
  if (topic.maintain(now) === "erase") {
    await core.alarm.fired(now + config.historyTtlMs, now);
    erase(core, now);
    return;
  }
  const plans = [...listeners.all()].map(({ socket, listener, pingedAt }) => ({
    socket,
    listener,
    ...dueAction(listener, pingedAt, config, now, MIN_GAIN_MS),
  }));
  const logExpiresAt = log.expiresAt() > now ? log.expiresAt() : Number.POSITIVE_INFINITY;
  const next = plans.reduce((earliest, plan) => Math.min(earliest, plan.next), Math.min(topic.dueAt(), logExpiresAt));
  await core.alarm.fired(next, now);
  for (const { socket, listener, action } of plans) {
    if (action === "close_expired") listeners.close(socket, "token_expired");
    if (action === "close_idle") listeners.close(socket, "idle_timeout");
    if (action === "warn") warn(core, socket, listener, now);
    if (action === "keep_alive") listeners.sendControl(socket, KEEPALIVE, now);
  }
  log.dropExpired(now);
  core.telemetry.reportPending();
}

/** Warns a listener whose token expires soon, and sets the alarm for its next due action. */
export function watchToken(core: Core, socket: WebSocket, listener: Listener, now: number): void {
  const { action, next } = dueAction(listener, null, core.config, now);
  if (action === "warn") warn(core, socket, listener, now);
  // A warning that waited up to a minute for an alarm would arrive after the token has expired.
  core.alarm.ensure(next, now, listener.speaksV1 ? 0 : undefined);
}

function warn({ listeners }: Core, socket: WebSocket, listener: Listener, now: number): void {
  listeners.update(socket, { isWarned: true });
  const data = { expires_at: new Date(listener.expiresAt).toISOString() };
  listeners.sendControl(socket, JSON.stringify({ type: "token_expiring", data } satisfies TokenExpiringFrame), now);
}

/**
 * Closes every listener and erases everything stored but a tombstone, which is kept for as long as late events may come:
 * the history's span. Returns whether anything was stored.
 */
export function erase(core: Core, now: number): boolean {
  const { storage, listeners, topic, log, alarm, config } = core;
  if (!storage.hasData()) return false;
  listeners.closeWhere(() => true, "order_not_found");
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
