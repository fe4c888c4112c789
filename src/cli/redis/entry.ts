import { CommandError, EXIT } from "../shared/command-error.ts";

/** An event as an entry of the stream. All values are text. */
export interface NewEntry {
  stream: string;
  /** Including the event's `id`, by which the service recognises an event that was written twice. */
  fields: Record<string, string> & { id: string };
  /** The pub/sub channel that wakes the service. */
  doorbell: string;
}

export interface AddedEntry {
  /** The entry's id in the stream. */
  id: string;
  /** How many subscribers the doorbell had; null when the message failed. */
  heardBy: number | null;
}

export const refused = (message: string) => new CommandError(EXIT.failed, `Redis refused it: ${message}`);

/** @param remedy What to do, without a full stop. */
export function unreachableRedis(url: string, reason: string, remedy: string, { fields }: NewEntry): CommandError {
  return new CommandError(
    EXIT.unreachable,
    `Cannot reach Redis at ${url}: ${reason}. ${remedy}. The event may have been written; \`--id ${fields.id}\` makes it safe to publish it again.`,
    { id: fields.id },
  );
}
