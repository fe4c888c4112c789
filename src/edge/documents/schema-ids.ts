import { isRecord } from "../../protocol/json.ts";
import type { Json, JsonObject } from "./json-schema.ts";

/**
 * AsyncAPI tools show a schema without an id as `<anonymous-schema-42>`, and generate classes of that name. Named
 * components have their name; the schemas inside them get their path, such as `order_shipped.data`. `$id` would change
 * what a `$ref` is relative to.
 */
const SCHEMA_ID = "x-parser-schema-id";

/** The last step of the path to a keyword's schema. */
const KEYWORD_STEPS: Record<string, string> = { items: "item", propertyNames: "name", additionalProperties: "value" };

/** Returns named schemas, with an id for every schema in them that is not a reference. */
export const withSchemaIds = (schemas: JsonObject): JsonObject => mapped(schemas, withId);

function withId(schema: Json, path: string): Json {
  if (!isRecord(schema) || "$ref" in schema) return schema;
  const parts = mapped(schema, (value, keyword) => {
    if (keyword === "properties" && isRecord(value))
      return mapped(value, (part, name) => withId(part, `${path}.${name}`));
    // Alternatives. Lists of texts, such as `required`, stay as they are.
    if (Array.isArray(value)) return value.map((part, index) => withId(part, `${path}.${index + 1}`));
    return keyword in KEYWORD_STEPS ? withId(value, `${path}.${KEYWORD_STEPS[keyword]}`) : value;
  });
  return { [SCHEMA_ID]: path, ...parts };
}

const mapped = (object: JsonObject, change: (value: Json, name: string) => Json): JsonObject =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
