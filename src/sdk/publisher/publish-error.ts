import type { FieldError, Problem } from "../../protocol/refusals.ts";

/** What is known of a failure; what is not given is null, false or empty. */
export interface PublishFailure {
  status?: number;
  type?: string;
  errors?: readonly FieldError[];
  ids?: readonly string[];
  isRetryable?: boolean;
  retryAfterMs?: number | null;
  cause?: unknown;
}

/**
 * An event was not published, or it is not known whether it was. No message holds a key or what was published.
 * @example
 * catch (error) {
 *   if (error instanceof PublishError && error.isRetryable) await later(() => publish({ id: error.ids[0] }));
 * }
 */
export class PublishError extends Error {
  override readonly name = "PublishError";
  /** The HTTP status, or null when no answer came. */
  readonly status: number | null;
  /** `urn:tidings:problem:<reason>` as the service says it, else null. Made for programs. */
  readonly type: string | null;
  /** Every bad field by name, when fields are what is wrong. */
  readonly errors: readonly FieldError[];
  /** The ids of the events that failed, in their order. Publishing them again with these is safe. */
  readonly ids: readonly string[];
  /** Whether trying later, with the same ids, can succeed. A publisher has tried several times by now. */
  readonly isRetryable: boolean;
  /** How long the service asks to wait, in milliseconds, when it says so. */
  readonly retryAfterMs: number | null;

  constructor(message: string, failure: PublishFailure = {}) {
    super(message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.status = failure.status ?? null;
    this.type = failure.type ?? null;
    this.errors = failure.errors ?? [];
    this.ids = failure.ids ?? [];
    this.isRetryable = failure.isRetryable ?? false;
    this.retryAfterMs = failure.retryAfterMs ?? null;
  }
}

/** Whether the same request can succeed later: the service is down, or it was asked too often. */
export function isPassingStatus(status: number): boolean {
  return status >= 500 || status === 429;
}

/** A refusal in the service's own words (RFC 9457). */
export function refusalError(problem: Problem, more: Pick<PublishFailure, "ids" | "retryAfterMs"> = {}): PublishError {
  const { status, title, detail, errors = [] } = problem;
  const fields = errors.map(({ field, message }) => `${field}: ${message}`).join("; ");
  const sentences = [`Refused (${status}): ${title}.`, ...(detail ? [detail] : []), ...(fields ? [fields] : [])];
  return new PublishError(sentences.join(" "), {
    ...more,
    status,
    type: problem.type,
    errors,
    isRetryable: isPassingStatus(status),
  });
}

/** The same failure, of these events. */
export function withIds(error: PublishError, ids: readonly string[]): PublishError {
  const { message, status, type, errors, isRetryable, retryAfterMs, cause } = error;
  const known = { ...(status !== null && { status }), ...(type !== null && { type }) };
  return new PublishError(message, { ...known, errors, isRetryable, retryAfterMs, cause, ids });
}
