import * as z from "zod";
import { STREAM_START } from "./gaps.ts";
import { storedMemory } from "./read-memory.ts";

/** The relay's state, kept as one row, and its stored form. Pure. */

export interface RelayState {
  /** The id of the last entry read; `STREAM_START` before the first. */
  cursor: string;
  /** The key of that entry (`entryKey`); null before the first, and after a version that did not store it. */
  cursorKey: string | null;
  /** How many entries had ever been added to the stream when that entry was read; null while that is unknown. */
  entriesAdded: number | null;
  /** Upstash's token that makes reads see earlier writes on any replica. */
  syncToken: string;
  /** The number of the next row in either table. */
  nextRow: number;
  /** How many entries were read since the stream was last trimmed. */
  untrimmed: number;
  /** When the stream was last trimmed, in milliseconds since 1970; 0 for never. */
  trimmedAt: number;
  /** Gaps found so far. */
  gaps: number;
  /** Dead letters written so far. */
  deadLetters: number;
  /** When a gap was found that some channels have not been notified of, in milliseconds since 1970. */
  pendingGapAt: number | null;
}

/**
 * The stored form, whose field names are those of every version so far. A new field needs a default, because earlier
 * versions have not written it; fields of later versions are kept, so that rolling back one version loses nothing.
 */
export const storedState = z.looseObject({
  id: z.string().regex(/^\d{1,20}-\d{1,20}$/),
  key: z.string().nullable().default(null),
  added: z.number().nullable().default(null),
  syncToken: z.string().default(""),
  nextRow: z.int().min(1).optional(),
  untrimmed: z.number().default(0),
  trimmedAt: z.number().default(0),
  gaps: z.number().default(0),
  deadLetters: z.number().default(0),
  untoldGapAt: z.number().nullable().default(null),
  /** The entries read last. The others that the relay remembers are stored apart (`ReadMemory`). */
  read: storedMemory.default({ before: "", sinceTrim: "" }),
});
type StoredState = z.infer<typeof storedState>;

export const INITIAL: StoredState = storedState.parse({ id: STREAM_START });

/**
 * Reads the stored form. Fields of later versions stay in the state, so that `relayStateToStored` writes them back.
 * @param unusedRow Finds the next row's number for a state that does not say.
 */
export function relayStateFromStored(
  { id, key, added, untoldGapAt, read: _, ...same }: StoredState,
  unusedRow: () => number,
): RelayState {
  return {
    ...same,
    cursor: id,
    // An earlier version, after a rollback, moves the cursor and leaves the key.
    cursorKey: key?.startsWith(`${id}=`) ? key : null,
    entriesAdded: added,
    nextRow: same.nextRow ?? unusedRow(),
    pendingGapAt: untoldGapAt,
  };
}

export function relayStateToStored({
  cursor,
  cursorKey,
  entriesAdded,
  pendingGapAt,
  ...same
}: RelayState): Omit<StoredState, "read"> {
  return { ...same, id: cursor, key: cursorKey, added: entriesAdded, untoldGapAt: pendingGapAt };
}
