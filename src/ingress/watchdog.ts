import { relayStub } from "../channels/directory.ts";
import { configOf, type Env } from "../config.ts";

/** The cron trigger: once a minute the relay is revived, and what came while nobody listened is read. */
export async function watchdog(_: ScheduledController, env: Env): Promise<void> {
  if (configOf(env).redis) await relayStub(env).wake();
}
