/** Returns why a connection failed, in the words of the system. @param timeoutMs How long its answers may take. */
export function connectionFailure(error: unknown, timeoutMs: number): string {
  // `fetch` and the Redis connection only say that they failed. The reason is their cause.
  const cause = (error instanceof Error ? error.cause : undefined) ?? error;
  // Connecting to a host with several addresses fails with an AggregateError, which has no message.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (!(first instanceof Error)) return String(first);
  return first.name === "TimeoutError" ? `no answer within ${timeoutMs / 1000} s` : first.message;
}
