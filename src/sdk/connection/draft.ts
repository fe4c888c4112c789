import type { Effect, State } from "./machine-state.ts";
import type { FilterMessage } from "./product-filter.ts";
import type { DraftOf } from "./runner.ts";

export type Draft = DraftOf<State, Effect>;

/**
 * The messages that this SDK sends. `protocol/client-messages.ts` defines all of them, but needs the validation library.
 * The fields of an `ack` come from the frame that asks for it.
 */
type ClientMessage = FilterMessage | { type: "authenticate"; token: string } | { type: "ack" };

export function sendMessage(draft: Draft, message: ClientMessage): void {
  draft.effects.push({ type: "send", text: JSON.stringify(message) });
}
