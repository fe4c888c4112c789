import type { ClientMessage } from "../../protocol/client-messages.ts";
import type { Effect, State } from "./machine-state.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The next state while one step works it out. */
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

export function sendMessage(draft: Draft, message: ClientMessage): void {
  emit(draft, { type: "send", text: JSON.stringify(message) });
}
