import type { DeadLetterCode } from "../../protocol/dead-letters.ts";
import { MAX_ENTRY_LENGTH, type StreamEntry } from "./entry.ts";

/** An entry that cannot be delivered. Pure. */
export interface DeadLetter {
  entry: StreamEntry;
  code: DeadLetterCode;
  /** One line that says more than the code. */
  reason: string;
  /** Whether the entry was too large to keep whole. */
  isCut: boolean;
}

/** What a dead letter keeps of an oversized entry. */
const MAX_FIELDS = 50;
const MAX_NAME_LENGTH = 256;

/** Makes a dead letter of an entry that may be too large to keep whole. */
export function toDeadLetter({ id, fields }: StreamEntry, code: DeadLetterCode, reason: string): DeadLetter {
  const kept = fields
    .slice(0, MAX_FIELDS)
    .map(([name, value]): [string, string] => [name.slice(0, MAX_NAME_LENGTH), shortened(value)]);
  const isCut =
    fields.length > MAX_FIELDS ||
    fields.some(([name, value]) => name.length > MAX_NAME_LENGTH || value.length > MAX_ENTRY_LENGTH);
  return { entry: { id, fields: kept }, code, reason, isCut };
}

function shortened(value: string): string {
  if (value.length <= MAX_ENTRY_LENGTH) return value;
  return `${value.slice(0, MAX_ENTRY_LENGTH)}… (${value.length} characters)`;
}
