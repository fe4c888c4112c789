/** How long a call between the root and a shard may take. It may still be executed after that. */
const SHARD_CALL_TIMEOUT_MS = 10_000;

/** @throws when the answer does not arrive in time. */
export async function withinTimeLimit<T>(call: Promise<T>, timeoutMs = SHARD_CALL_TIMEOUT_MS): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const expire = () => timeout.reject(new Error(`no answer within ${timeoutMs} ms`));
  const timer = setTimeout(expire, timeoutMs);
  return Promise.race([call, timeout.promise]).finally(() => clearTimeout(timer));
}
