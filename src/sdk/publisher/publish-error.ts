import type { FieldError, Problem } from "../../protocol/refusals.ts";

/** What is known about a failure. Missing members become null, false or empty. */
type PublishFailure = Partial<Omit<PublishError, "name" | "message" | "stack">>;

/**
 * An event was not published, or its fate is unknown. The message never contains a key or an event.
 * @example
 * catch (error) {
 *   if (error instanceof PublishError && error.isRetryable) await later(() => publish({ id: error.ids[0] }));
 * }
 */
export class PublishError extends Error {
  override readonly name = "PublishError";
  /** The HTTP status, or null without an answer. */
  readonly status: number | null;
  /** The service's `urn:tidings:problem:<reason>`, or null. For programs to branch on. */
  readonly type: string | null;
  /** Every bad field by name, if fields are the reason. */
  readonly errors: readonly FieldError[];
  /** The ids of the events that failed, in order. Publishing them again with these ids is safe. */
  readonly ids: readonly string[];
  /** Whether publishing again later, with the same ids, can succeed. The publisher has already retried. */
  readonly isRetryable: boolean;
  /** How long the service asks to wait, in milliseconds; null if it does not say. */
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

/** Whether the same request can succeed later: the service is down, or limits the rate. */
export function isTransientStatus(status: number): boolean {
  return status >= 500 || status === 429;
}

/** Creates an error from the service's own explanation (RFC 9457). */
export function refusalError(problem: Problem, retryAfterMs: number | null = null): PublishError {
  const { status, title, detail, errors = [] } = problem;
  const fields = errors.map(({ field, message }) => `${field}: ${message}`).join("; ");
  const sentences = [`Refused (${status}): ${title}.`, ...(detail ? [detail] : []), ...(fields ? [fields] : [])];
  return new PublishError(sentences.join(" "), {
    retryAfterMs,
    status,
    type: problem.type,
    errors,
    isRetryable: isTransientStatus(status),
  });
}

/** Returns a `PublishError` with the ids of these events; any other value unchanged. */
export function withIds(error: unknown, ids: readonly string[]): unknown {
  // A copy, because the events of a failed call share one error.
  return error instanceof PublishError ? new PublishError(error.message, { ...error, cause: error.cause, ids }) : error;
}
