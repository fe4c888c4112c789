import type { Env } from "../../config/env.ts";
import { inJurisdiction } from "../../config/jurisdiction.ts";

/** Returns the stream relay: there is one. */
export function relayStub(env: Env) {
  return inJurisdiction(env, env.STREAM_RELAY).getByName("relay");
}
