import { CLIENT_MESSAGES_BURST, CLIENT_MESSAGES_PER_SECOND } from "../../protocol/limits.ts";

/**
 * How many messages a client may still send, after one that comes now: a token bucket, kept with the socket, so that
 * it outlasts hibernation. Pings are answered by the runtime and cost nothing.
 * @param allowance Before this message and before what has come back since the last one.
 * @param elapsedMs Since the last message, or since the client connected.
 * @returns What is left, or null when there is none for this message.
 */
export function takeMessage(allowance: number, elapsedMs: number): number | null {
  const refilled = allowance + (Math.max(elapsedMs, 0) / 1000) * CLIENT_MESSAGES_PER_SECOND;
  const left = Math.min(refilled, CLIENT_MESSAGES_BURST) - 1;
  return left < 0 ? null : left;
}
