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
import type { Checked } from "../protocol/validation.ts";
import { callFailureOf, mayBeStorageFailure } from "../runtime/platform-errors.ts";
import type { AuthFailure } from "../telemetry/labels.ts";
import { logRefusal } from "../telemetry/log.ts";
import { recordAuthFailure } from "../telemetry/record.ts";
import { type HonoEnv, record, reportFault, requestIdOf, routeOf } from "./context.ts";

/** Why a credential was refused, in detail: for the log and the metrics, never for the client. */
export interface RefusedCredential {
  reason: AuthFailure;
  /** The token's claim that is missing or wrong. */
  claim?: string;
}

/** A refused request. Thrown anywhere within a route; `answerError` turns it into the response. */
export class Refusal extends Error {
  readonly reason: HttpRefusal;
  readonly problem: Problem;
  readonly headers: Record<string, string>;
  /** What was wrong with a credential. */
  readonly credential: RefusedCredential | undefined;

  constructor(
    reason: HttpRefusal,
    more: {
      detail?: string;
      errors?: FieldError[];
      headers?: Record<string, string>;
      credential?: RefusedCredential;
    } = {},
  ) {
    const { headers = {}, credential, ...rest } = more;
    super(REFUSALS[reason].title);
    this.name = "Refusal";
    this.reason = reason;
    this.problem = problem(reason, rest);
    this.headers = headers;
    this.credential = credential;
  }
}

/** Returns the refusal of a request with bad fields: 422. */
export function invalid(...errors: FieldError[]): Refusal {
  return new Refusal("validation_failed", { errors });
}

/** Returns the checked value. @throws {Refusal} 422, which names every bad field. */
export function requireValid<T>(checked: Checked<T>): T {
  if (!checked.ok) throw invalid(...checked.errors);
  return checked.value;
}

/** The `Retry-After` of a 503 that sets none itself. Every 429 and 503 has one; `ABOUT_HTTP` lists the causes. */
const RETRY_AFTER_SECONDS = 5;

const STORAGE_MAY_BE_FULL =
  "The channel failed; its storage may be full. Repeating the call is safe. If it keeps failing, see /docs/operate#capacity.";

/** Answers anything that a route throws as `application/problem+json` (RFC 9457). */
export function answerError(error: unknown, c: Context<HonoEnv>): Response {
  const refusal = toRefusal(error, c);
  const code = REFUSALS[refusal.reason].status;
  recordRefusal(c, refusal.reason, code, refusal.credential);
  return respond(refusal, c);
}

/**
 * Logs and counts a refusal, with the name of the publish key if one was presented.
 * @param code The HTTP status or the WebSocket close code.
 * @param credential What was wrong with the credential, if it caused the refusal.
 */
export function recordRefusal(
  c: Context<HonoEnv>,
  reason: RefusalReason,
  code: number,
  credential: RefusedCredential | undefined,
): void {
  const key = c.get("keyName");
  logRefusal({
    request_id: requestIdOf(c),
    method: c.req.method,
    route: routeOf(c),
    reason,
    code,
    ...(key !== undefined && { key }),
    ...(credential && { reason_detail: credential.reason }),
    ...(credential?.claim !== undefined && { claim: credential.claim }),
  });
  if (credential) record(c, (counters) => recordAuthFailure(counters, credential.reason));
}

function toRefusal(error: unknown, c: Context<HonoEnv>): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof ConfigError) {
    reportFault(c, "configuration", error);
    const errors = error.faults.map(({ setting, message, fix }) => ({ field: setting, message: `${message}: ${fix}` }));
    return new Refusal("misconfigured", { errors });
  }
  reportFault(c, "request", error);
  if (mayBeStorageFailure(error)) return new Refusal("unavailable", { detail: STORAGE_MAY_BE_FULL });
  const failure = callFailureOf(error);
  return new Refusal(failure === "overloaded" || failure === "retryable" ? "unavailable" : "internal_error");
}

function respond({ reason, problem, headers }: Refusal, c: Context): Response {
  // `c.body` keeps the headers that middleware has set, such as CORS.
  return c.body(JSON.stringify(problem), REFUSALS[reason].status, {
    "Content-Type": "application/problem+json",
    ...(problem.status === 401 && { "WWW-Authenticate": "Bearer" }),
    ...(problem.status === 503 && { "Retry-After": String(RETRY_AFTER_SECONDS) }),
    ...headers,
  });
}
