import type { Position } from "../../../protocol/frames.ts";
import { isAbandoned } from "./drain.ts";
import { askToJoin } from "./join.ts";
import type { Shard } from "./shard.ts";

/**
 * Ensures that later events of some products, which a listener has added to its filter, arrive here.
 * @returns The position after which they do.
 * @throws when the root cannot be asked.
 */
export function cover(shard: Shard, socket: WebSocket, products: string[]): Position | Promise<Position> {
  const from = shard.interest.coveredFrom(products);
  const { position } = shard.head;
  if (from === null || position === null) return coverLater(shard, socket, products);
  const listener = shard.listeners.get(socket);
  const joinedAt = listener && !isAbandoned(listener) ? listener.from : 0;
  // When the shard wakes, this is all that it knows.
  if (listener && listener.coveredFrom < from) shard.listeners.update(socket, { coveredFrom: from });
  // Events up to where the listener joined are not for it, even if its shard lags behind.
  return { epoch: position.epoch, seq: Math.max(position.seq, from, joinedAt) };
}

async function coverLater(shard: Shard, socket: WebSocket, products: string[]): Promise<Position> {
  const { listeners } = shard;
  const count = (change: number) => (listeners.get(socket)?.unconfirmed ?? 0) + change;
  // An object that dies meanwhile closes this socket when it wakes.
  listeners.update(socket, { unconfirmed: count(1) });
  const position = await askToJoin(shard, products, null, ({ epoch, seq }) => {
    const wanted = listeners.get(socket)?.products ?? null;
    const coveredFrom = shard.interest.coveredFrom(wanted) ?? seq;
    listeners.update(socket, { unconfirmed: count(-1), coveredFrom });
    return { epoch, seq };
  });
  if (position === "refused") throw new Error("the root refused an addition");
  return position;
}
