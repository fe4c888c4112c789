import * as z from "zod";
import { parseShardName, type ShardName } from "../../../protocol/shards.ts";
import type { Storage } from "../../storage.ts";
import { NO_SHARDS, type PlanState, shardPlan } from "./plan.ts";

/** The document that holds them. */
const SHARDS = "shards";
const storedShards = z.object({
  names: z.array(z.string()),
  plan: shardPlan,
  fewSince: z.number().nullable(),
  /** Null when an earlier version wrote this document. */
  epoch: z.string().nullable().default(null),
});

/** The registered shards and the plan, which outlive the root's memory. Each change writes one row. */
export class Registrations {
  readonly #storage: Storage;
  readonly #names: Set<ShardName>;
  #planState: PlanState;
  #epoch: string | null;

  constructor(storage: Storage) {
    this.#storage = storage;
    const {
      names = [],
      plan = NO_SHARDS,
      fewSince = null,
      epoch = null,
    } = storage.readState(SHARDS, storedShards) ?? {};
    this.#names = new Set(names.flatMap((name) => parseShardName(name)?.name ?? []));
    this.#planState = { plan, fewSince };
    this.#epoch = epoch;
  }

  get names(): ReadonlySet<ShardName> {
    return this.#names;
  }

  get planState(): PlanState {
    return this.#planState;
  }

  /** The last epoch that all shards were known to be in; null if none is stored. */
  get epoch(): string | null {
    return this.#epoch;
  }

  /** @param epoch The one that the shard learns as it joins. */
  add(name: ShardName, epoch: string): void {
    if (this.#names.size === 0) this.#epoch = epoch;
    this.#names.add(name);
    this.#save();
  }

  remove(name: ShardName): void {
    this.#names.delete(name);
    this.#save();
  }

  /** Notes that every shard is in an epoch. Writes nothing if it is the same. */
  setEpoch(epoch: string): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#save();
  }

  /** Keeps a plan. Writes nothing if it is the same. */
  setPlan({ plan, fewSince }: PlanState): void {
    const { plan: last, fewSince: lastFewSince } = this.#planState;
    if (plan === last && fewSince === lastFewSince) return;
    this.#planState = { plan, fewSince };
    this.#save();
  }

  #save(): void {
    const state = { names: [...this.#names], ...this.#planState, epoch: this.#epoch } satisfies z.infer<
      typeof storedShards
    >;
    this.#storage.writeState(SHARDS, state);
  }
}
