import type { Context } from "hono";
import { ConfigError } from "../config.ts";
import { type FieldError, type HttpRefusal, type Problem, problem, REFUSALS } from "../protocol/refusals.ts";
import { logFault } from "../telemetry/log.ts";

/** A request is refused: thrown anywhere below a route, answered here, in one shape. */
export class Refusal extends Error {
  readonly reason: HttpRefusal;
  readonly problem: Problem;
  readonly headers: Record<string, string>;

  constructor(
    reason: HttpRefusal,
    more: { detail?: string; errors?: FieldError[]; headers?: Record<string, string> } = {},
  ) {
    const { headers = {}, ...rest } = more;
    super(REFUSALS[reason].title);
    this.name = "Refusal";
    this.reason = reason;
    this.problem = problem(reason, rest);
    this.headers = headers;
  }
}

/** How long a client is asked to wait when something is down, in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Whatever a route throws becomes an `application/problem+json` answer (RFC 9457). */
export function answerError(error: unknown, c: Context): Response {
  return answerRefusal(refusalOf(error), c);
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof ConfigError) {
    logFault("configuration", error);
    const errors = error.faults.map(({ setting, message, fix }) => ({ field: setting, message: `${message}: ${fix}` }));
    return new Refusal("misconfigured", { errors });
  }
  logFault("request", error);
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
