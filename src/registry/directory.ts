import type { Env } from "../config/env.ts";
import { inJurisdiction } from "../config/jurisdiction.ts";
import { fnv1a } from "../protocol/fnv.ts";
import { MAX_CONCURRENT_CALLS } from "../protocol/platform-limits.ts";

/** The addresses of the registries. */

/**
 * How many registries share the channels: as many as one request may call at the same time, because health and metrics
 * call all of them. A change would move channels to registries that do not know them until they report again.
 */
const REGISTRY_SHARDS = MAX_CONCURRENT_CALLS;

/** Returns the registry of a channel, or of any other reporter by its name. The hash must never change either. */
export function registryStub(env: Env, channel: string) {
  return registryShard(env, fnv1a(channel) % REGISTRY_SHARDS);
}

/** Returns all registries. */
export function registryStubs(env: Env) {
  return Array.from({ length: REGISTRY_SHARDS }, (_, shard) => registryShard(env, shard));
}

function registryShard(env: Env, shard: number) {
  return inJurisdiction(env, env.CHANNEL_REGISTRY).getByName(`registry-${shard}`);
}
