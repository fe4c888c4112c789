import type { Context } from "hono";
import { ConfigError } from "../config/config.ts";
import {
  type FieldError,
  type HttpRefusal,
  type Problem,
  problem,
  REFUSALS,
  type RefusalReason,
} from "../protocol/refusals.ts";
import { logFault, logRefusal } from "../telemetry/log.ts";
import type { HonoEnv } from "./app.ts";
import { count, flush, requestIdOf, routeOf } from "./observe.ts";

/** A request is refused: thrown anywhere below a route, answered here, in one shape. */
export class Refusal extends Error {
  readonly reason: HttpRefusal;
  readonly problem: Problem;
  readonly headers: Record<string, string>;
  /** What exactly was wrong with a credential: for the log and the metrics, not for the client. */
  readonly fault: string | undefined;

  constructor(
    reason: HttpRefusal,
    more: { detail?: string; errors?: FieldError[]; headers?: Record<string, string>; fault?: string } = {},
  ) {
    const { headers = {}, fault, ...rest } = more;
    super(REFUSALS[reason].title);
    this.name = "Refusal";
    this.reason = reason;
    this.problem = problem(reason, rest);
    this.headers = headers;
    this.fault = fault;
  }
}

/** How long a client is asked to wait when something is down, in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Whatever a route throws becomes an `application/problem+json` answer (RFC 9457). */
export function answerError(error: unknown, c: Context<HonoEnv>): Response {
  const refusal = refusalOf(error, c);
  const code = REFUSALS[refusal.reason].status;
  noteRefusal(c, refusal.reason, code, refusal.fault);
  return answerRefusal(refusal, c);
}

/**
 * Logs and counts that somebody was told no; of a service the line has its key's name.
 * @param code The HTTP status, or the code that the socket was closed with.
 * @param fault What exactly was wrong with a credential, if that was it.
 */
export function noteRefusal(c: Context<HonoEnv>, reason: RefusalReason, code: number, fault?: string): void {
  const key = c.get("key");
  logRefusal({
    request_id: requestIdOf(c),
    method: c.req.method,
    route: routeOf(c),
    reason,
    code,
    ...(key !== undefined && { key }),
    ...(fault !== undefined && { fault }),
  });
  if (fault !== undefined) count(c, "tidings_auth_failures_total", { reason: fault });
}

function refusalOf(error: unknown, c: Context<HonoEnv>): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof ConfigError) {
    logFault("configuration", error);
    const errors = error.faults.map(({ setting, message, fix }) => ({ field: setting, message: `${message}: ${fix}` }));
    return new Refusal("misconfigured", { errors });
  }
  logFault("request", error, { request_id: requestIdOf(c) });
  flush(c);
  // The platform marks what a later try may mend (Durable Objects, error handling).
  const { retryable, overloaded } = error as { retryable?: unknown; overloaded?: unknown };
  return new Refusal(retryable === true || overloaded === true ? "unavailable" : "internal_error");
}

function answerRefusal({ reason, problem, headers }: Refusal, c: Context): Response {
  // `c.body` keeps the headers that middleware has set, CORS among them.
  return c.body(JSON.stringify(problem), REFUSALS[reason].status, {
    "Content-Type": "application/problem+json",
    ...(problem.status === 401 && { "WWW-Authenticate": "Bearer" }),
    ...(problem.status === 503 && { "Retry-After": String(RETRY_AFTER_SECONDS) }),
    ...headers,
  });
}
