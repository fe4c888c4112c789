import type { Effect, State } from "./machine-state.ts";
import type { FilterMessage } from "./product-filter.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The next state while a step computes it, and what the step works with. */
export interface Draft extends Mutable<State> {
  readonly effects: Effect[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Returns a new number from 0 up to 1 on each call. */
  readonly random: () => number;
}

export function emit(draft: Draft, effect: Effect): void {
  draft.effects.push(effect);
}

/** The same as in `protocol/client-messages.ts`, which pages do not load because it needs the validation library. */
type ClientMessage = FilterMessage | { type: "authenticate"; token: string } | { type: "ack" };

export function sendMessage(draft: Draft, message: ClientMessage): void {
  emit(draft, { type: "send", text: JSON.stringify(message) });
}
