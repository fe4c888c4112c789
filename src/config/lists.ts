import * as z from "zod";

/** Splits a comma-separated list, ignoring empty items and whitespace around items. */
export const splitList = (text: string) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/**
 * Returns the schema of a comma-separated list of items. Commas alone are a fault: an empty list of issuers or audiences
 * accepts every token, which only an absent setting may mean.
 */
export const listOf = <T>(item: z.ZodType<T, string>) =>
  z
    .string()
    .transform((text, context) => {
      const items = splitList(text);
      if (text !== "" && items.length === 0)
        context.addIssue({ code: "custom", message: "must not consist of commas" });
      return items;
    })
    .pipe(z.array(item));
