import type { Effect, State } from "./machine-state.ts";

/** A state that is being worked out, with what is to be done. */
export interface Draft {
  s: { -readonly [K in keyof State]: State[K] };
  effects: Effect[];
  now: number;
  /** From 0 to 1, another one each time. */
  random: () => number;
}

export const send = (d: Draft, text: string) => d.effects.push({ type: "send", text });
