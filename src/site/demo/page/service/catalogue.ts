import type { ChannelKind } from "../../../../protocol/names.ts";
import type { EventType } from "../../../../sdk/index.ts";

/** The event catalogue's channels, summaries and examples. The build inserts them, without the validation library. */
declare const CATALOGUE: Record<EventType, CatalogueEntry>;

interface CatalogueEntry {
  channel: ChannelKind;
  /** One sentence. */
  summary: string;
  example: Record<string, unknown>;
}

export const catalogue = CATALOGUE;
/** All event types, in the catalogue's order. */
// `Object.keys` returns `string[]`; the keys of the catalogue are exactly the event types.
export const EVENT_TYPES = Object.keys(catalogue) as EventType[];

export const isOrderEvent = (type: EventType) => catalogue[type].channel === "order";
