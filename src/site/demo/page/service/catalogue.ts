import type { EventType } from "../../../../sdk/index.ts";

/** The event catalogue's channels, summaries and examples. The build inserts them, without the validation library. */
declare const CATALOGUE: Record<EventType, CatalogueEntry>;

export interface CatalogueEntry {
  channel: "order" | "products";
  /** One sentence. */
  summary: string;
  example: Record<string, unknown>;
}

export const catalogue = CATALOGUE;
/** In the catalogue's order. */
// `Object.keys` returns `string[]`; the build takes the keys from the catalogue that EventType comes from.
export const EVENT_TYPES = Object.keys(catalogue) as EventType[];
