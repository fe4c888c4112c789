import { checkRun, type Verdict } from "../model/checker.ts";
import type { RunRecord } from "../model/record.ts";
import type { Nemesis } from "./nemeses.ts";
import { Random } from "./random.ts";
import { settle } from "./settle.ts";
import { World } from "./world.ts";

/** A round: some nemeses strike in random order for a while; then everything settles and is checked. */
export interface RoundOptions {
  name: string;
  seed: number;
  nemeses: Nemesis[];
  durationMs: number;
  /** `PRODUCTS_SHARDS` at the beginning. */
  shards: string;
}

export interface Round {
  name: string;
  seed: number;
  seconds: number;
  strikes: Record<string, number>;
  counts: Record<string, number>;
  events: number;
  frames: number;
  connections: number;
  verdict: Verdict;
}

export async function runRound(
  { name, seed, nemeses, durationMs, shards }: RoundOptions,
  inspect: (record: RunRecord) => void = () => {},
): Promise<Round> {
  const start = Date.now();
  const random = new Random(seed);
  const world = await World.start(random.fork(), { PRODUCTS_SHARDS: shards });
  const strikes: Record<string, number> = {};
  try {
    while (Date.now() - start < durationMs) {
      const nemesis = random.pick(nemeses);
      world.mayLosePosition ||= nemesis.mayLosePosition === true;
      await nemesis.strike(world);
      strikes[nemesis.name] = (strikes[nemesis.name] ?? 0) + 1;
    }
    const record = await settle(world);
    const verdict = checkRun(record);
    inspect(record);
    const frames = record.listeners.flatMap(({ segments }) => segments.map(({ events }) => events.length));
    return {
      name,
      seed,
      seconds: Math.round((Date.now() - start) / 1000),
      strikes,
      counts: world.counts,
      events: record.published.length,
      frames: frames.reduce((sum, count) => sum + count, 0),
      connections: record.listeners.reduce((sum, { segments }) => sum + segments.length, 0),
      verdict,
    };
  } finally {
    await world.stop();
  }
}
