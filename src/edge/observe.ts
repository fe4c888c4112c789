import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import { registryStub } from "../channels/directory.ts";
import type { Env } from "../config/env.ts";
import type { CounterSnapshot } from "../telemetry/counters.ts";
import type { CounterName, LabelsOf } from "../telemetry/metrics.ts";
import { Reporter } from "../telemetry/reporter.ts";
import type { HonoEnv } from "./app.ts";

/** What the Worker itself counts, and how requests are known in the log. */

/** A request is ended 30 seconds after its answer (Workers, `waitUntil`), whatever it still tells for others. */
const MAX_LOOP_MS = 15_000;
/** One for each isolate: what one request counts, another may tell. */
const reporters = new WeakMap<Env, Reporter>();

/** Counters something that happened, `by` times; the registry hears of it soon after the answer. */
export function count<N extends CounterName>(c: Context<HonoEnv>, name: N, labels: LabelsOf<N>, by = 1): void {
  if (by === 0) return;
  reporterOf(c.env).counts.count(name, labels, by);
  flush(c);
}

/** Tells the registry what was counted, faults that were logged among it. */
export function flush(c: Context<HonoEnv>): void {
  reporterOf(c.env).schedule((promise) => afterAnswer(c, promise));
}

function reporterOf(env: Env): Reporter {
  const known = reporters.get(env);
  if (known) return known;
  // Isolates are many and know nothing of channels: each has picked a registry, so that none gets all of it.
  const isolate = crypto.randomUUID();
  // A stub belongs to the request that made it, so each report asks for a new one.
  const send = (counted: CounterSnapshot) => registryStub(env, isolate).addCounts(counted);
  const reporter = new Reporter(send, undefined, MAX_LOOP_MS);
  reporters.set(env, reporter);
  return reporter;
}

/** Lets a promise go on after the answer; a caller without an execution context, as in a test, just lets it run. */
function afterAnswer(c: Context, promise: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(promise);
  } catch {
    promise.catch(() => {});
  }
}

const requestIds = new WeakMap<Request, string>();

/** What a request is called in the log and in `X-Request-Id`: Cloudflare's own name for it, where there is one. */
export function requestIdOf(c: Context): string {
  const ray = c.req.header("CF-Ray") ?? "";
  const id = requestIds.get(c.req.raw) ?? (/^[\w-]{8,64}$/.test(ray) ? ray : crypto.randomUUID());
  requestIds.set(c.req.raw, id);
  return id;
}

/** The pattern of the route that took a request, without the ids in its path. */
export function routeOf(c: Context): string {
  return matchedRoutes(c).findLast(({ method }) => method !== "ALL")?.path ?? "none";
}
