/** What Node's `fetch` says about the ports in https://fetch.spec.whatwg.org/#port-blocking. */
const BLOCKED_PORT = "bad port";

/** Returns whether browsers and Node's `fetch` refuse to call a port. Calls it if not, so nothing should listen there. */
export async function isPortBlocked(port: number): Promise<boolean> {
  const failure = await fetch(`http://127.0.0.1:${port}`).catch((error: unknown) => error);
  return failure instanceof Error && failure.cause instanceof Error && failure.cause.message === BLOCKED_PORT;
}

/** Returns why a connection failed, in the words of the system. @param timeoutMs How long its answers may take. */
export function connectionFailure(error: unknown, timeoutMs: number): string {
  // `fetch` and the Redis connection only say that they failed. The reason is their cause.
  const cause = (error instanceof Error ? error.cause : undefined) ?? error;
  // Connecting to a host with several addresses fails with an AggregateError, which has no message.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (!(first instanceof Error)) return String(first);
  if (first.message === BLOCKED_PORT) return "browsers and Node refuse to call this port; use another";
  return first.name === "TimeoutError" ? `no answer within ${timeoutMs / 1000} s` : first.message;
}
