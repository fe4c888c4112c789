import { withinTimeLimit } from "../../../runtime/time-limit.ts";
import { reportAnswer, SHARD_PROTOCOL_VERSION } from "./contract.ts";
import type { Shard } from "./shard.ts";

/** Reports the number of listeners to the root, if it has changed. */
export function report(shard: Shard, count: number): void {
  if (count === shard.reportedCount || (count > 0 && !shard.isRegistered)) return;
  shard.reportedCount = count;
  shard.ctx.waitUntil(
    sendCount(shard, count).catch(() => {
      // Reported again even if it stays the same. The answer to a push also carries the count.
      shard.reportedCount = null;
    }),
  );
}

async function sendCount(shard: Shard, count: number): Promise<void> {
  const { name, incarnation } = shard;
  const request = { version: SHARD_PROTOCOL_VERSION, shard: name, incarnation, count } as const;
  const answer = reportAnswer.parse(await withinTimeLimit<unknown>(shard.root().report(request)));
  if (answer.status === "noted") shard.learnPlan(answer.plan);
  if (answer.status === "fenced") shard.fence();
  if (answer.status === "unregistered") {
    shard.drain.abandonAll();
    shard.unregister();
  }
}
