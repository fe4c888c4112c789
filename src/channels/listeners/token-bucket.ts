import { CLIENT_MESSAGES_BURST, CLIENT_MESSAGES_PER_SECOND } from "../../protocol/limits.ts";

/**
 * Takes one token from a client's bucket. The bucket is kept with the socket, so it survives hibernation. Pings are
 * answered by the runtime and cost nothing.
 * @param tokens Tokens left after the previous message.
 * @param elapsedMs Time since the previous message, or since the client connected.
 * @returns The tokens left, or null when the bucket is empty.
 */
export function takeToken(tokens: number, elapsedMs: number): number | null {
  const refilled = tokens + (Math.max(elapsedMs, 0) / 1000) * CLIENT_MESSAGES_PER_SECOND;
  const left = Math.min(refilled, CLIENT_MESSAGES_BURST) - 1;
  return left < 0 ? null : left;
}
