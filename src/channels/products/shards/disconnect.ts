import { MAX_CONCURRENT_CALLS } from "../../../protocol/platform-limits.ts";
import { withinTimeLimit } from "../../../runtime/time-limit.ts";
import { Slots } from "./slots.ts";

/** How long it may take in all: enough to reach every other shard if a hundred hang. */
const DISCONNECT_TIMEOUT_MS = 20_000;

/**
 * Closes sockets at every shard, six at a time. Shards that do not answer within a second do not delay the others.
 * @param disconnect Closes the sockets at one shard, and returns how many.
 * @returns How many were closed.
 * @throws when a shard did not answer. Repeating the call is safe.
 */
export async function disconnectAll<Name extends string>(
  shards: readonly Name[],
  disconnect: (shard: Name) => Promise<number>,
): Promise<number> {
  const slots = new Slots({ calls: MAX_CONCURRENT_CALLS });
  const unreachable = new Set(shards);
  let isOver = false;
  let closed = 0;
  const call = async (shard: Name) => {
    if (isOver) return;
    const count = await withinTimeLimit(disconnect(shard));
    unreachable.delete(shard);
    closed += count;
  };
  const calls = Promise.allSettled(shards.map((shard) => slots.run("calls", () => call(shard))));
  // Shards that have not answered by then are left in `unreachable`.
  await withinTimeLimit(calls, DISCONNECT_TIMEOUT_MS, () => {});
  isOver = true;
  if (unreachable.size > 0) throw new Error(`unreachable: ${[...unreachable].join(", ")}`);
  return closed;
}
