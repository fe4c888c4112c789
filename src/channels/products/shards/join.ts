import { withinTimeLimit } from "../../../runtime/time-limit.ts";
import type { ConnectRequest } from "../../handshake.ts";
import type { ProductFilter } from "../../listeners/product-filter.ts";
import { type JoinAnswer, joinAnswer, SHARD_PROTOCOL_VERSION } from "./contract.ts";
import { enterEpoch, isLate } from "./enter-epoch.ts";
import type { Shard } from "./shard.ts";

/** An answer is of no use when a newer epoch, or too many pushes, have arrived before it. */
const MAX_JOIN_ATTEMPTS = 4;

type Joined = Extract<JoinAnswer, { status: "joined" }>;

/**
 * Registers this shard at the root for the events of some products.
 * @param resume The position that a client resumes from; `invalid` or null for none.
 * @param use Called in the turn in which the answer arrives, so that no push comes in between. Returns null to ask again.
 * @returns What `use` returned; `refused` when the root does not want this object to serve anyone.
 * @throws when the root cannot be reached.
 */
export async function askToJoin<T>(
  shard: Shard,
  products: ProductFilter,
  resume: ConnectRequest["resume"],
  use: (answer: Joined) => T | null,
): Promise<T | "refused"> {
  for (let attempt = 0; attempt < MAX_JOIN_ATTEMPTS; attempt++) {
    const addition = shard.interest.add(products);
    try {
      const { name, incarnation, listeners } = shard;
      const request = {
        version: SHARD_PROTOCOL_VERSION,
        shard: name,
        incarnation,
        interest: { version: addition.version, products },
        resume,
        count: listeners.count,
      } as const;
      const answer = joinAnswer.parse(await withinTimeLimit<unknown>(shard.root().join(request)));
      if (answer.status === "fenced") shard.fence();
      if ("plan" in answer) shard.learnPlan(answer.plan);
      if (answer.status !== "joined") return "refused";
      if (isLate(shard, answer)) continue;
      register(shard, answer);
      addition.confirm(answer.seq);
      const used = use(answer);
      if (used !== null) return used;
    } finally {
      addition.end();
    }
  }
  throw new Error("the root's answers are too late");
}

function register(shard: Shard, answer: Joined): void {
  shard.isRegistered = true;
  enterEpoch(shard, answer, answer.seq, Date.now());
}
