import type { OutgoingEvent } from "./publish-call.ts";

/** The format of the Redis stream, for the service and for publishers that write to Redis. */

/** The stream's name unless `REDIS_STREAM` is set. */
export const DEFAULT_STREAM = "tidings:events";
/** Any message on this pub/sub channel makes the service read the stream at once. */
export const DOORBELL = "tidings:doorbell";
/** The dead-letter stream: entries that cannot be delivered, each with the reason. */
export const DEAD_LETTERS = "tidings:dead";

/** Returns the fields of an event's stream entry, in order. */
export function entryFields(event: OutgoingEvent): [name: string, value: string][] {
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

/** Returns the length of an entry's names and values in UTF-16 code units. */
export function entryLength(fields: readonly (readonly [name: string, value: string])[]): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
