import * as z from "zod";
import { safeLength } from "./safe-length.ts";

/**
 * Ids that shops keep as text or as integers. Either way they are compared, filtered and stored as text: 42 is "42", and
 * "042" is another id.
 */

/** SQLite stores half of a surrogate pair as another character, so two ids would become one. */
const isWellFormed = (text: string) => text.isWellFormed();

/** Returns the schema of an id as it may be sent. @param maxLength In code points. */
export const sentId = (maxLength: number) =>
  z.union(
    [
      safeLength(z.string().min(1).max(maxLength)).refine(isWellFormed, "must not contain half of a surrogate pair"),
      z.int(),
    ],
    {
      error: `must be text of 1 to ${maxLength} characters, or an integer below 2^53`,
    },
  );

/** Returns the schema of an id that is parsed to text. */
export const idText = (maxLength: number) => sentId(maxLength).transform(String);
