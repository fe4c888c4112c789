import * as z from "zod";

/** Plain JSON. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** OpenAPI and AsyncAPI both keep their schemas here. */
const SCHEMAS = "#/components/schemas/";

/** Returns a reference to a schema of the same document. */
export const schemaRef = (name: string): JsonObject => ({ $ref: `${SCHEMAS}${name}` });

/**
 * Returns the `components.schemas` of a document: those of named parts, which refer to each other by name.
 * @param target The dialect: draft 2020-12 for OpenAPI 3.1, draft 7 for AsyncAPI 3.0.
 */
export function componentSchemas(
  parts: Record<string, { schema: z.ZodType }>,
  target: "draft-2020-12" | "draft-7",
): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, { schema }] of Object.entries(parts)) registry.add(schema, { id });
  const { schemas: made } = z.toJSONSchema(registry, {
    target,
    io: "input",
    uri: (id) => `${SCHEMAS}${id}`,
  });
  return Object.fromEntries(
    Object.entries(made).map(([name, { $schema: _, $id: __, ...schema }]) => {
      // Without those two, the rest is plain JSON, which zod's type does not express.
      return [name, schema as JsonObject];
    }),
  );
}
