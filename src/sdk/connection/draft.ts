import type { Effect, State } from "./machine-state.ts";
import type { FilterMessage } from "./product-filter.ts";
import type { DraftOf } from "./runner.ts";

export type Draft = DraftOf<State, Effect>;

/** The same as in `protocol/client-messages.ts`, which pages do not load because it needs the validation library. */
type ClientMessage = FilterMessage | { type: "authenticate"; token: string } | { type: "ack" };

export function sendMessage(draft: Draft, message: ClientMessage): void {
  draft.effects.push({ type: "send", text: JSON.stringify(message) });
}
