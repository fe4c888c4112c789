import type { SocketCore } from "./core.ts";

/**
 * Returns a `connection_established` frame: the channel's state and position now.
 * @param resumed Whether everything since the client's position follows; null when it gave none.
 */
export function firstFrame({ topic, position }: SocketCore, resumed: boolean | null, now: number): string {
  const data = { ...topic.describe(), ...position(), resumed };
  return JSON.stringify({ type: "connection_established", data, ts: new Date(now).toISOString() });
}
