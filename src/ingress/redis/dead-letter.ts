import type { DeadLetterCode } from "../../protocol/dead-letters.ts";
import { utf8Length } from "../../protocol/utf8.ts";
import type { StreamEntry } from "./entry.ts";

/** An entry that cannot be delivered. Pure. */
export interface DeadLetter {
  entry: StreamEntry;
  code: DeadLetterCode;
  /** One line that says more than the code. */
  reason: string;
  /** Whether the entry was too large to keep whole. */
  isCut: boolean;
}

/** The limits of what a dead letter keeps of an oversized entry. */
const MAX_FIELDS = 50;
const MAX_NAME_LENGTH = 256;
/** The fields as JSON: a quarter of a row's limit (2 MB, Durable Objects limits). */
export const MAX_KEPT_BYTES = 512 * 1024;
/** A reason quotes the names of fields, which the publisher chose. */
const MAX_REASON_LENGTH = 1000;

/** Makes a dead letter of an entry that may be too large to keep whole. */
export function toDeadLetter({ id, fields }: StreamEntry, code: DeadLetterCode, reason: string): DeadLetter {
  const kept = cut(fields);
  const isCut = JSON.stringify(kept) !== JSON.stringify(fields);
  return { entry: { id, fields: kept }, code, reason: beginning(reason, MAX_REASON_LENGTH), isCut };
}

/** Shortens the longest values of a large entry, so that short ones, such as the event's channel, stay whole. */
function cut(fields: StreamEntry["fields"]): StreamEntry["fields"] {
  for (let maxLength = MAX_KEPT_BYTES; ; maxLength = Math.floor(maxLength / 2)) {
    const kept = fields
      .slice(0, MAX_FIELDS)
      .map(([name, value]): [string, string] => [beginning(name, MAX_NAME_LENGTH), beginning(value, maxLength)]);
    // Measured as it is stored: an escaped character takes up to six bytes.
    if (utf8Length(JSON.stringify(kept)) <= MAX_KEPT_BYTES) return kept;
  }
}

function beginning(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength).toWellFormed()}… (${text.length} characters)`;
}
