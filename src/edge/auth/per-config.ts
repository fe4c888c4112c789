import type { Config } from "../../config/config.ts";

/**
 * Returns a function that derives a value from a configuration once and then remembers it.
 *
 * It remembers the value and never the promise: a promise belongs to the request that created it, and other requests
 * must not await it (Workers, "Cannot perform I/O on behalf of a different request"). Concurrent first calls may
 * therefore derive it twice.
 */
export function perConfig<T extends object>(derive: (config: Config) => Promise<T>): (config: Config) => Promise<T> {
  const known = new WeakMap<Config, T>();
  return async (config) => {
    const value = known.get(config) ?? (await derive(config));
    known.set(config, value);
    return value;
  };
}
