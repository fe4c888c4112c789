import type { Env } from "../config/env.ts";
import { inJurisdiction } from "../config/jurisdiction.ts";
import { fnv1a } from "../protocol/fnv.ts";

/** The addresses of the registries. */

/**
 * How many registries share the channels: at most `MAX_CONCURRENT_CALLS`, because health and metrics call all of them. Must
 * never change: channels would move to registries that do not know them until they report again.
 */
const REGISTRIES = 6;

/** Returns the registry of a channel, or of any other reporter by its name. The hash must never change either. */
export function registryStub(env: Env, channel: string) {
  return registryAt(env, fnv1a(channel) % REGISTRIES);
}

/** Returns all registries. */
export function registryStubs(env: Env) {
  return Array.from({ length: REGISTRIES }, (_, index) => registryAt(env, index));
}

function registryAt(env: Env, index: number) {
  return inJurisdiction(env, env.CHANNEL_REGISTRY).getByName(`registry-${index}`);
}
