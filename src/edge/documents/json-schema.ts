import * as z from "zod";
import { isRecord } from "../../protocol/json.ts";

/** Plain JSON. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** OpenAPI and AsyncAPI both keep their schemas here. */
const SCHEMAS = "#/components/schemas/";

/** Returns a reference to a schema of the same document. */
export const schemaRef = (name: string): JsonObject => ({ $ref: `${SCHEMAS}${name}` });

/**
 * Returns a document's `components.schemas`: each part's schema under the part's name. Parts refer to each other by `$ref`.
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

/**
 * AsyncAPI tools show a schema without an id as `<anonymous-schema-42>`, and generate classes of that name. Named
 * components have their name; the schemas inside them get their path, such as `order_shipped.data`. `$id` would change
 * what a `$ref` is relative to.
 */
const SCHEMA_ID = "x-parser-schema-id";

/** The last step of the path to a keyword's schema. */
const KEYWORD_STEPS: Record<string, string> = { items: "item", propertyNames: "name", additionalProperties: "value" };

/** Keywords whose lists hold schemas. Other lists hold values, such as `required`, `enum` and `examples`. */
const SCHEMA_LISTS = ["allOf", "anyOf", "oneOf"];

/** Returns named schemas, with an id for every schema in them that is not a reference. */
export const withSchemaIds = (schemas: JsonObject): JsonObject => mapped(schemas, withId);

function withId(schema: Json, path: string): Json {
  if (!isRecord(schema) || "$ref" in schema) return schema;
  const parts = mapped(schema, (value, keyword) => {
    if (keyword === "properties" && isRecord(value))
      return mapped(value, (part, name) => withId(part, `${path}.${name}`));
    if (SCHEMA_LISTS.includes(keyword) && Array.isArray(value))
      return value.map((part, index) => withId(part, `${path}.${index + 1}`));
    return keyword in KEYWORD_STEPS ? withId(value, `${path}.${KEYWORD_STEPS[keyword]}`) : value;
  });
  return { [SCHEMA_ID]: path, ...parts };
}

const mapped = (object: JsonObject, change: (value: Json, name: string) => Json): JsonObject =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
