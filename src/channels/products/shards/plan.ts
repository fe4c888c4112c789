import * as z from "zod";
import {
  LISTENERS_PER_SHARD,
  MAX_LISTENERS_OF_ROOT,
  MAX_SHARDS_PER_REGION,
  REGIONS,
  type Region,
} from "../../../protocol/shards.ts";

/**
 * `auto` returns to the root alone after ten minutes with few listeners in all: fewer than 2,000 at the beginning and at
 * the end, and always fewer than 2,500. The difference keeps an audience of around 2,000 from rewriting the stored state
 * again and again.
 */
const FEW_LISTENERS = 2000;
const ENOUGH_LISTENERS = 2500;
export const COLLAPSE_AFTER_MS = 10 * 60_000;

/**
 * How many shards each region has; a region without shards is absent. Without any, the root serves all listeners.
 * Plans travel with answers that may overtake each other: the one decided later counts.
 */
export const shardPlan = z.object({
  /** In milliseconds since 1970; higher in every plan that follows. 0 for the plan before any decision. */
  decidedAt: z.number(),
  shards: z.partialRecord(z.enum(REGIONS), z.int().min(1).max(MAX_SHARDS_PER_REGION)),
});
export type ShardPlan = z.infer<typeof shardPlan>;

/** The plan before any decision: the root alone. */
export const NO_SHARDS: ShardPlan = { decidedAt: 0, shards: {} };

/** Returns whichever of two plans was decided later. */
export function laterPlan(one: ShardPlan, other: ShardPlan): ShardPlan {
  return other.decidedAt > one.decidedAt ? other : one;
}

/** The location of a connecting client, and what it has tried. */
export const placement = z.object({
  region: z.enum(REGIONS),
  /**
   * How many shards of the region the Worker knew when all that it tried were full; 0 when one of them failed; null when
   * it tried none. The root serves a client that has tried shards, and sends others to those of its plan.
   */
  fullOf: z.int().min(0).nullable(),
});
export type Placement = z.infer<typeof placement>;

/** What the root knows about its listeners. */
export interface Audience {
  /** The listeners of shards, by region. */
  shards: Partial<Record<Region, number>>;
  /** The listeners of the root itself. */
  root: number;
  /** Whether every shard has reported its number since the root woke. Until then, `shards` is too low. */
  isComplete: boolean;
}

/** The current plan, and since when there have been few listeners; null while there are enough. */
export interface PlanState {
  plan: ShardPlan;
  fewSince: number | null;
}

/**
 * Decides the plan. With `auto`, it only grows, until it returns to the root alone; with a number, every region has that
 * many shards.
 * @param setting `PRODUCTS_SHARDS`.
 * @param client The client that is about to connect, or null. A region gets shards when its first client arrives.
 * @returns The state to keep. Its `plan` is the same object when nothing was decided.
 */
export function nextPlan(
  { plan, fewSince }: PlanState,
  setting: "auto" | number,
  audience: Audience,
  client: Placement | null,
  now: number,
): PlanState {
  const regions = new Set([
    ...regionsIn(plan.shards),
    ...regionsIn(audience.shards),
    ...(client ? [client.region] : []),
  ]);
  const decide = (count: (region: Region) => number) =>
    decided(plan, Object.fromEntries([...regions].map((region) => [region, count(region)])), now);

  if (setting === 0) return { plan: decided(plan, {}, now), fewSince: null };
  if (setting !== "auto") return { plan: decide(() => setting), fewSince: null };
  const total = Object.values(audience.shards).reduce((sum, count) => sum + count, audience.root);
  const hasShards = Object.keys(plan.shards).length > 0;
  if (!hasShards && total <= MAX_LISTENERS_OF_ROOT) return { plan, fewSince: null };
  // After a wake, the root knows too little to decide that there are few.
  const since = audience.isComplete ? stillFewSince(fewSince, total, now) : fewSince;
  if (audience.isComplete && since !== null && now - since >= COLLAPSE_AFTER_MS)
    return { plan: decided(plan, {}, now), fewSince: null };
  return { plan: decide((region) => neededIn(region, plan, audience, client)), fewSince: since };
}

/** Returns since when there have been few listeners, or null. */
function stillFewSince(fewSince: number | null, total: number, now: number): number | null {
  // A time in the future means that the clock was set back.
  if (fewSince === null || fewSince > now) return total < FEW_LISTENERS ? now : null;
  const limit = now - fewSince < COLLAPSE_AFTER_MS ? ENOUGH_LISTENERS : FEW_LISTENERS;
  return total < limit ? fewSince : null;
}

/** Returns how many shards `auto` gives a region: never fewer than it has. */
function neededIn(region: Region, { shards }: ShardPlan, audience: Audience, client: Placement | null): number {
  const current = shards[region] ?? 0;
  const forListeners = Math.ceil((audience.shards[region] ?? 0) / LISTENERS_PER_SHARD);
  // Shards with much traffic are full with few listeners. A Worker that knew fewer shards has not tried all of them.
  const areFull = client?.region === region && client.fullOf !== null && client.fullOf >= current;
  return Math.min(Math.max(1, forListeners, areFull ? current + 1 : current), MAX_SHARDS_PER_REGION);
}

/** Returns a plan with these shards: the current one, if it has them already. */
function decided(plan: ShardPlan, shards: ShardPlan["shards"], now: number): ShardPlan {
  const isSame = REGIONS.every((region) => plan.shards[region] === shards[region]);
  return isSame ? plan : { decidedAt: Math.max(now, plan.decidedAt + 1), shards };
}

function regionsIn(counts: Partial<Record<Region, number>>): Region[] {
  return REGIONS.filter((region) => (counts[region] ?? 0) > 0);
}
