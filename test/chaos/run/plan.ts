import { NEMESES, type Nemesis } from "./nemeses.ts";
import { Random } from "./random.ts";
import type { RoundOptions } from "./round.ts";

/** Which rounds a run consists of. The same seed gives the same rounds. */

const PLANS = ["0", "1", "2", "auto"];

export interface Plan {
  rounds: RoundOptions[];
  /** Nemeses that cannot strike here, with the reason. */
  skipped: string[];
}

interface Length {
  /** Seconds that each nemesis strikes alone; 0 to leave these rounds out. */
  alone: number;
  /** Seconds of killing alone. */
  kills: number;
  /** Rounds with all nemeses, and their seconds. */
  mixed: number;
  mixedSeconds: number;
}

export const SHORT: Length = { alone: 0, kills: 0, mixed: 1, mixedSeconds: 25 };
export const LONG: Length = { alone: 16, kills: 75, mixed: 6, mixedSeconds: 45 };

/** @param only The names of the nemeses to strike, each in a round of its own; all by default. */
export async function planOf(seed: number, length: Length, only?: string[]): Promise<Plan> {
  const random = new Random(seed);
  const skipped: string[] = [];
  const nemeses: Nemesis[] = [];
  for (const nemesis of NEMESES.filter(({ name }) => only === undefined || only.some((one) => name.includes(one)))) {
    const reason = await nemesis.unavailable?.();
    if (reason) skipped.push(`${nemesis.name}: ${reason}`);
    else nemeses.push(nemesis);
  }
  const round = (name: string, chosen: Nemesis[], seconds: number): RoundOptions => ({
    name,
    seed: random.between(0, 2 ** 31),
    nemeses: chosen,
    durationMs: seconds * 1000,
    shards: random.pick(PLANS),
  });
  const rounds: RoundOptions[] = [];
  for (const nemesis of nemeses) {
    const seconds = nemesis.name.startsWith("kill -9 of the service")
      ? Math.max(length.kills, length.alone)
      : length.alone;
    if (seconds > 0) rounds.push(round(nemesis.name, [nemesis], seconds));
  }
  if (only === undefined) {
    const quick = nemeses.filter(({ isLong }) => !isLong);
    for (let n = 0; n < length.mixed; n++) {
      // Without the nemeses that may cost a position, positions must never be lost.
      const strict = quick.filter(({ mayLosePosition }) => !mayLosePosition);
      rounds.push(round(`mixed ${n + 1}`, n % 2 === 0 ? strict : quick, length.mixedSeconds));
    }
  }
  return { rounds, skipped };
}
