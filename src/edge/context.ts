import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import type { Env } from "../config/env.ts";
import { WAIT_UNTIL_MS } from "../protocol/platform-limits.ts";
import { registryStub } from "../registry/directory.ts";
import type { CounterSnapshot, Counters } from "../telemetry/counters.ts";
import type { FaultPlace } from "../telemetry/labels.ts";
import { logFault } from "../telemetry/log.ts";
import { Reporter } from "../telemetry/reporter.ts";

/** Shared by all routes: the request's id and route pattern, and the isolate's counters. */

export interface HonoEnv {
  Bindings: Env;
  Variables: {
    /** Name of the publish key that authenticated the request, for the log. */
    keyName?: string;
  };
}

const requestIds = new WeakMap<Request, string>();

/** Returns the id of a request in the log and in `X-Request-Id`: its Cloudflare Ray ID, else a UUID. */
export function requestIdOf(c: Context): string {
  const known = requestIds.get(c.req.raw);
  if (known !== undefined) return known;
  const ray = c.req.header("CF-Ray") ?? "";
  const id = /^[\w-]{8,64}$/.test(ray) ? ray : crypto.randomUUID();
  requestIds.set(c.req.raw, id);
  return id;
}

/** Returns the pattern of the matched route, which contains no ids. */
export function routeOf(c: Context): string {
  return matchedRoutes(c).findLast(({ method }) => method !== "ALL")?.path ?? "none";
}

/** Half of what `waitUntil` allows, so that the last report can finish. */
const MAX_LOOP_MS = WAIT_UNTIL_MS / 2;
/** One per isolate, so one request may report the counts of another. */
const reporters = new WeakMap<Env, Reporter>();

/** Increments counters through a function of `record.ts`, and reports to the registry soon after the response. */
export function record(c: Context<HonoEnv>, increment: (counters: Counters) => void): void {
  increment(reporterOf(c.env).counts);
  flush(c);
}

/** Logs and counts a fault of a request, and reports to the registry soon after the response. */
export function reportFault(c: Context<HonoEnv>, where: FaultPlace, error: unknown): void {
  logFault(where, error, { request_id: requestIdOf(c) });
  flush(c);
}

/** Reports pending counts, logged faults included. */
function flush(c: Context<HonoEnv>): void {
  reporterOf(c.env).schedule((promise) => afterResponse(c, promise));
}

function reporterOf(env: Env): Reporter {
  const known = reporters.get(env);
  if (known) return known;
  // An isolate belongs to no channel, so a random name spreads isolates evenly over the registries.
  const isolate = crypto.randomUUID();
  // A stub belongs to the request that created it, so each report needs a new one.
  const send = (counted: CounterSnapshot) => registryStub(env, isolate).addCounts(counted);
  const reporter = new Reporter(send, undefined, { maxLoopMs: MAX_LOOP_MS });
  reporters.set(env, reporter);
  return reporter;
}

/** Keeps a promise running after the response. Tests may have no execution context; the promise then simply runs. */
function afterResponse(c: Context, promise: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(promise);
  } catch {
    promise.catch(() => {});
  }
}
