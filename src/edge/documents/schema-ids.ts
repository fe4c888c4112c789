import { isRecord } from "../../protocol/json.ts";
import type { Json, JsonObject } from "./json-schema.ts";

/**
 * AsyncAPI tools show a schema without an id as `<anonymous-schema-42>`, and generate classes of that name. Named
 * components have one; the schemas inside them get their path, such as `order_shipped.data`. `$id` would change what a
 * `$ref` is relative to.
 */
const SCHEMA_ID = "x-parser-schema-id";

/** Returns named schemas, and within them an id for every schema that is not a reference. */
export const withSchemaIds = (schemas: JsonObject): JsonObject =>
  mapped(schemas, (schema, name) => (isRecord(schema) ? withNestedIds(schema, name) : schema));

function withNestedIds(schema: JsonObject, path: string): JsonObject {
  return mapped(schema, (value, keyword) => {
    switch (keyword) {
      case "properties":
        return isRecord(value) ? mapped(value, (part, name) => withId(part, `${path}.${name}`)) : value;
      case "anyOf":
      case "allOf":
        return Array.isArray(value) ? value.map((part, index) => withId(part, `${path}.${index + 1}`)) : value;
      case "items":
        return withId(value, `${path}.item`);
      case "propertyNames":
        return withId(value, `${path}.name`);
      case "additionalProperties":
        return withId(value, `${path}.value`);
      default:
        return value;
    }
  });
}

const withId = (schema: Json, path: string): Json =>
  isRecord(schema) && !("$ref" in schema) ? { [SCHEMA_ID]: path, ...withNestedIds(schema, path) } : schema;

const mapped = (object: JsonObject, change: (value: Json, name: string) => Json): JsonObject =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
