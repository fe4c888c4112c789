/** What is computed from the rounds of a measurement. */

/** A bound for the service's median ÷ the peer's. */
export type Budget = { atLeast: number } | { atMost: number };

/** Above this load, the load generator may be what limits a figure. */
export const MAX_CLIENT_LOAD = 0.8;

export interface Round {
  /** Operations per second, milliseconds, or kilobytes. */
  value: number;
  /** Processor time of the server per operation, in microseconds; null where the system does not report it. */
  serverMicros: number | null;
  /** Processor time of this process, the client, ÷ elapsed time; null where nothing is timed. */
  clientLoad: number | null;
}

export interface Summary {
  median: number;
  rounds: number[];
  /** Mean of the rounds, because the system measures in coarse steps. */
  serverMicros: number | null;
  /** Median of the rounds. */
  clientLoad: number | null;
}

export function summarize(rounds: Round[]): Summary {
  const values = rounds.map(({ value }) => value);
  const micros = rounds.flatMap(({ serverMicros }) => serverMicros ?? []);
  const loads = rounds.flatMap(({ clientLoad }) => clientLoad ?? []);
  return {
    median: median(values),
    rounds: values,
    serverMicros: micros.length > 0 ? micros.reduce((sum, value) => sum + value, 0) / micros.length : null,
    clientLoad: loads.length > 0 ? median(loads) : null,
  };
}

/** @throws RangeError without values. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  if (low === undefined || high === undefined) throw new RangeError("there is no median of nothing");
  return (low + high) / 2;
}

export function meets(ratio: number, budget: Budget): boolean {
  return "atLeast" in budget ? ratio >= budget.atLeast : ratio <= budget.atMost;
}
