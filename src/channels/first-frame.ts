import type { Position } from "../protocol/frames.ts";
import type { SocketCore } from "./core.ts";

/**
 * Returns a `connection_established` frame: the channel's state now.
 * @param position The client receives every event after this position.
 * @param resumed Whether everything since the client's position follows; null when it gave none.
 */
export function firstFrame({ topic }: SocketCore, position: Position, resumed: boolean | null, now: number): string {
  const data = { ...topic.describe(), epoch: position.epoch, seq: position.seq, resumed };
  return JSON.stringify({ type: "connection_established", data, ts: new Date(now).toISOString() });
}
