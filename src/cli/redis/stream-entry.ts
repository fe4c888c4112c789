import { CommandError, EXIT } from "../outcome.ts";

/** What an event becomes in the stream. All values are text. */
export interface NewEntry {
  stream: string;
  /** With its `id`, by which the service knows an event that was written twice. */
  fields: Record<string, string> & { id: string };
  /** Rung after it was written, so that the stream is read at once. */
  doorbell: string;
}

/** What Redis said to it. */
export interface AddedEntry {
  id: string;
  /** How many heard the doorbell; null when it could not be rung. */
  heardBy: number | null;
}

export const refused = (message: string) => new CommandError(EXIT.failed, `Redis refused it: ${message}`);

/** @param remedy What to do, without a full stop. */
export function unreachableRedis(url: string, reason: string, remedy: string, { fields }: NewEntry): CommandError {
  return new CommandError(
    EXIT.unreachable,
    `Cannot reach Redis at ${url}: ${reason}. ${remedy}. If the event was on its way already, \`--id ${fields.id}\` makes it safe to publish it again.`,
    { id: fields.id },
  );
}
