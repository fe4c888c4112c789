import { configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { registryStub } from "../registry/directory.ts";
import { logFault } from "../telemetry/log.ts";
import { Reporter } from "../telemetry/reporter.ts";
import { relayStub } from "./redis/directory.ts";

/**
 * Handles the cron trigger, once a minute: wakes the relay, which may have lost its alarm, and which does not poll
 * while there are no listeners.
 */
export async function watchdog(_: ScheduledController, env: Env, ctx: ExecutionContext): Promise<void> {
  try {
    if (configOf(env).redis) await relayStub(env).wake();
  } catch (error) {
    // The next run is a minute away. Reported here, because this isolate may have no other report to send.
    logFault("watchdog", error);
    new Reporter((counted) => registryStub(env, "watchdog").addCounts(counted)).schedule((promise) =>
      ctx.waitUntil(promise),
    );
  }
}
