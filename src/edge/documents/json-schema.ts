import * as z from "zod";

/** Plain JSON, as documents are made of. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** Where both kinds of documents keep their schemas. */
const SCHEMAS = "#/components/schemas/";

/** A reference to a schema of the same document, by its name. */
export const schemaRef = (name: string): JsonObject => ({ $ref: `${SCHEMAS}${name}` });

/**
 * The `components.schemas` of a document: each schema by its name, and references where one has another in it.
 * @param target The dialect: OpenAPI 3.1 has draft 2020-12, AsyncAPI 3.0 draft 7.
 */
export function componentSchemas(schemas: Record<string, z.ZodType>, target: "draft-2020-12" | "draft-7"): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const { schemas: made } = z.toJSONSchema(registry, {
    target,
    io: "input",
    uri: (id) => `${SCHEMAS}${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (!("format" in def) || def.format !== "datetime") return;
      // The exact pattern knows leap years; nobody can read it.
      jsonSchema.pattern = "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}";
      jsonSchema.description ??= "ISO 8601, with or without an offset, up to microseconds.";
    },
  });
  return Object.fromEntries(
    Object.entries(made).map(([name, { $schema: _, $id: __, ...schema }]) => {
      // What is left is JSON, which zod's own type does not say.
      return [name, schema as JsonObject];
    }),
  );
}
