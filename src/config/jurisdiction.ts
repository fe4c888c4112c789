import * as z from "zod";
import { type Env, settingText } from "./env.ts";

/** `JURISDICTION`: where objects run and store their data; anywhere if undefined. */
export const jurisdiction = z.literal("eu", "must be eu or empty").optional();

/** Returns the value of `JURISDICTION`. @throws when it is invalid. */
export function jurisdictionOf(env: Env): z.infer<typeof jurisdiction> {
  // Not `configOf`, which throws if any setting is invalid: the registry that counts such faults must stay reachable.
  return jurisdiction.parse(settingText(env.JURISDICTION));
}

/**
 * Returns the part of a namespace in which all objects are: the same name outside the jurisdiction is another object.
 * @throws when `JURISDICTION` is invalid, so that no object is created in the wrong place.
 */
export function inJurisdiction<T extends Rpc.DurableObjectBranded>(
  env: Env,
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  const place = jurisdictionOf(env);
  return place ? namespace.jurisdiction(place) : namespace;
}
