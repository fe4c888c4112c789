import type { Region } from "../../../protocol/shards.ts";
import { laterPlan, NO_SHARDS, type ShardPlan } from "./plan.ts";

/** The plan that a shard has learned, and whether the shard is part of it. The root may have a later one. */
export class KnownPlan {
  readonly #place: { region: Region; index: number };
  #plan: ShardPlan | null = null;

  /** @param place The shard's. */
  constructor(place: { region: Region; index: number }) {
    this.#place = place;
  }

  /** The latest plan learned; `NO_SHARDS` until there is one. */
  get current(): ShardPlan {
    return this.#plan ?? NO_SHARDS;
  }

  get isKnown(): boolean {
    return this.#plan !== null;
  }

  /** Whether the known plan excludes this shard; false until a plan is known. */
  get isOutside(): boolean {
    const { region, index } = this.#place;
    return this.#plan !== null && index >= (this.#plan.shards[region] ?? 0);
  }

  learn(plan: ShardPlan): void {
    this.#plan = this.#plan ? laterPlan(this.#plan, plan) : plan;
  }
}
