import type { Env } from "../../config/env.ts";

/** Returns the stream relay: there is one. */
export function relayStub(env: Env) {
  return env.STREAM_RELAY.getByName("relay");
}
