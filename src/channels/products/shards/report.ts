import { reportAnswer, SHARD_PROTOCOL_VERSION } from "./contract.ts";
import type { Shard } from "./shard.ts";
import { withinTimeLimit } from "./time-limit.ts";

/** Tells the root the number of listeners, if it has changed. Without any, the registration ends. */
export function report(shard: Shard, count: number): void {
  const { registration } = shard;
  if (count === shard.reportedCount || registration === null) return;
  // A client that is about to join needs the registration.
  if (count === 0 && !shard.isIdle) return;
  shard.reportedCount = count;
  if (count === 0) shard.unregister();
  shard.ctx.waitUntil(
    sendCount(shard, count, registration).catch(() => {
      // The next push asks for the count.
      shard.reportedCount = null;
    }),
  );
}

async function sendCount(shard: Shard, count: number, registration: number): Promise<void> {
  const { name, incarnation } = shard;
  const request = { version: SHARD_PROTOCOL_VERSION, shard: name, incarnation, count, registration } as const;
  const answer = reportAnswer.parse(await withinTimeLimit<unknown>(shard.root().report(request)));
  if (answer.status === "noted") shard.learnPlan(answer.plan);
  if (answer.status === "fenced") shard.fence();
  if (answer.status === "unregistered" && shard.registration === registration) shard.abandonAll();
}
