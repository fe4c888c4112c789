import type * as z from "zod";

/**
 * Restricts the length checks of a schema to text and lists, and returns the schema. Zod would also check the `length`
 * of other values, and throw where it cannot be compared with a number: `{"length":{"toString":1}}`.
 */
export function safeLength<T extends z.ZodType>(schema: T): T {
  for (const { _zod: check } of schema.def.checks ?? []) {
    if (check.def.when) check.def.when = ({ value }) => typeof value === "string" || Array.isArray(value);
  }
  return schema;
}
