import { registryStub, relayStub } from "../channels/directory.ts";
import { configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { logFault } from "../telemetry/log.ts";
import { Reporter } from "../telemetry/reporter.ts";

/** The cron trigger: once a minute the relay is revived, and what came while nobody listened is read. */
export async function watchdog(_: ScheduledController, env: Env, ctx: ExecutionContext): Promise<void> {
  try {
    if (configOf(env).redis) await relayStub(env).wake();
  } catch (error) {
    // The next try is a minute away. Nobody else may be here to tell the registry of this one.
    logFault("watchdog", error);
    new Reporter((counted) => registryStub(env, "watchdog").addCounts(counted)).schedule((promise) =>
      ctx.waitUntil(promise),
    );
  }
}
