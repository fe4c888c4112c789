import type { EventType } from "../../../sdk/index.ts";

/** The catalogue's channels, summaries and examples: put here by the build, without the library that checks events. */
declare const CATALOGUE: Record<EventType, CatalogueEntry>;

export interface CatalogueEntry {
  channel: "order" | "products";
  /** One sentence. */
  summary: string;
  example: Record<string, unknown>;
}

export const catalogue = CATALOGUE;
/** In the catalogue's order. */
// The keys are the build's, from the same catalogue as the type.
export const EVENT_TYPES = Object.keys(catalogue) as EventType[];
