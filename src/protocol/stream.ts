import type { OrderRegistration } from "./publish-call.ts";

/** How an event is written to the Redis stream, by the service itself and by whoever publishes through Redis. */

/** The stream, where `REDIS_STREAM` names no other. */
export const DEFAULT_STREAM = "tidings:events";
/** A message on this channel, whatever it says, has the stream read at once. */
export const DOORBELL = "tidings:doorbell";
/** Entries that nobody can deliver, each with the reason. */
export const DEAD_LETTERS = "tidings:dead";

export interface StreamedEvent {
  channel: string;
  type: string;
  /** JSON text, an object. */
  data: string;
  id: string;
  version: number | null;
  order: OrderRegistration | null;
}

/** The fields of an event's entry, in their order. */
export function entryFields(event: StreamedEvent): [name: string, value: string][] {
  const fields: [string, string][] = [
    ["channel", event.channel],
    ["type", event.type],
    ["data", event.data],
    ["id", event.id],
  ];
  if (event.version !== null) fields.push(["version", String(event.version)]);
  if (event.order !== null) fields.push(["order", JSON.stringify(event.order)]);
  return fields;
}

/** How long an entry is, names and values, in UTF-16 units. */
export function entryLength(fields: readonly (readonly [name: string, value: string])[]): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
