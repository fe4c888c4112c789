import { KEEPALIVE, type TokenExpiringFrame } from "../protocol/frames.ts";
import { MIN_GAIN_MS } from "./alarm.ts";
import type { SocketCore } from "./core.ts";
import { dueAction } from "./listeners/due-actions.ts";
import type { Listener } from "./listeners/listener.ts";

/**
 * Runs when the alarm has fired: closes idle listeners and those whose token has expired, warns clients whose token is about
 * to expire, sends keep-alives, and sends the pending report. Sets the next alarm first, so that no failure leaves the
 * object without one.
 * @param otherwiseDueAt When other work of the object needs the alarm, in milliseconds since 1970; Infinity for none.
 */
export async function maintainListeners(core: SocketCore, otherwiseDueAt: number, now: number): Promise<void> {
  const { listeners, config, alarm, telemetry } = core;
  const plans = [...listeners.all()].map(({ socket, listener, pingedAt }) => ({
    socket,
    listener,
    ...dueAction(listener, pingedAt, config, now, MIN_GAIN_MS),
  }));
  const dueAt = plans.reduce((earliest, { next }) => Math.min(earliest, next), otherwiseDueAt);
  await alarm.fired(dueAt, now);
  for (const { socket, listener, action } of plans) {
    if (action === "close_expired") listeners.close(socket, "token_expired");
    if (action === "close_idle") listeners.close(socket, "idle_timeout");
    if (action === "warn") warn(core, socket, listener, now);
    if (action === "keep_alive") listeners.outgoing.sendControl(socket, KEEPALIVE, now);
  }
  telemetry.reportPending();
}

/** Warns a listener whose token expires soon, and sets the alarm for its next due action. */
export function watchToken(core: SocketCore, socket: WebSocket, listener: Listener, now: number): void {
  const { action, next } = dueAction(listener, null, core.config, now);
  if (action === "warn") warn(core, socket, listener, now);
  // A warning that waited up to a minute for an alarm would arrive after the token has expired.
  core.alarm.ensure(next, now, listener.speaksV1 ? 0 : undefined);
}

function warn({ listeners }: SocketCore, socket: WebSocket, listener: Listener, now: number): void {
  listeners.update(socket, { isWarned: true });
  const data = { expires_at: new Date(listener.expiresAt).toISOString() };
  listeners.outgoing.sendControl(
    socket,
    JSON.stringify({ type: "token_expiring", data } satisfies TokenExpiringFrame),
    now,
  );
}
