import type * as z from "zod";
import { catalogueWith } from "../../protocol/catalogue.ts";
import { anchorOf } from "../manual/chapters.ts";
import { code, nameIn, table } from "./text.ts";

/** JSON Schema as Markdown. */

/** The built-in events. A shop's own types appear only in its deployment's documents. */
export const STANDARD_CATALOGUE = catalogueWith([]);

/** JSON Schema as the documents use it: `items` is one schema, and only `additionalProperties` may be a boolean. */
export interface Schema extends z.core.JSONSchema.JSONSchema {
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
}

/** Longer patterns are for programs, which read them in the document. */
const MAX_PATTERN_LENGTH = 40;

/** Returns a link to the section of a schema or message. */
export const linkTo = (name: string): string => `[\`${name}\`](#${anchorOf(name)})`;

/** Returns a schema's type with its bounds, such as `string (at most 64 characters) or null`. */
export function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return linkTo(nameIn(schema.$ref));
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(" or ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  const { type = "any value", items, additionalProperties: values } = schema;
  const bounds = boundsOf(schema).join(", ");
  // Objects with known fields may have others of any type.
  const parts = items ?? (schema.properties === undefined && typeof values === "object" ? values : {});
  const ofParts = parts.type ?? parts.$ref ?? parts.anyOf;
  return (
    [type].flat().join(" or ") +
    (bounds === "" ? "" : ` (${bounds})`) +
    (ofParts === undefined ? "" : ` of ${typeOf(parts)}`)
  );
}

function boundsOf({ format, pattern, ...schema }: Schema): string[] {
  const isShown = format === undefined && pattern !== undefined && pattern.length <= MAX_PATTERN_LENGTH;
  return [
    ...(format === undefined ? [] : [format === "uuid" ? "UUID" : format]),
    ...(isShown ? [`\`${pattern}\``] : []),
    ...rangeOf(schema.minLength, schema.maxLength, " characters"),
    ...rangeOf(schema.minItems, schema.maxItems, " items"),
    ...rangeOf(schema.minimum, schema.maximum, ""),
  ];
}

function rangeOf(min: number | undefined, max: number | undefined, unit: string): string[] {
  // The bounds of JavaScript's integers say nothing about the field.
  const least = min === Number.MIN_SAFE_INTEGER ? undefined : min;
  const most = max === Number.MAX_SAFE_INTEGER ? undefined : max;
  const inDigits = (n: number) => n.toLocaleString("en");
  const count = (n: number) => `${inDigits(n)}${n === 1 ? unit.replace(/s$/, "") : unit}`;
  if (least !== undefined && most !== undefined) return [`${inDigits(least)} to ${count(most)}`];
  if (least !== undefined) return [`at least ${count(least)}`];
  return most === undefined ? [] : [`at most ${count(most)}`];
}

/** Returns a schema as a table of its fields, those of inner objects included; without fields, its type. */
export function fieldTable(schema: Schema): string {
  const rows = fieldRows(schema);
  return rows.length === 0 ? `Type: ${typeOf(schema)}.` : tableOf(rows);
}

/** Returns rows of fields as a table. */
export const tableOf = (rows: string[][]): string => table(["field", "type", "meaning"], rows);

/** Returns a row for each field: its path, its type, and what it means. */
export function fieldRows(schema: Schema, prefix = ""): string[][] {
  const { properties = {}, required = [] } = objectIn(schema) ?? {};
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = prefix + name;
    const optional = required.includes(name) ? "" : ", optional";
    return [
      [`\`${path}\``, typeOf(field) + optional, descriptionOf(field)],
      ...fieldRows(field, `${path}.`),
      ...(field.items === undefined ? [] : fieldRows(field.items, `${path}[].`)),
    ];
  });
}

/** Returns the schema with fields: this one, or the only alternative that has any, as in "object or null". */
function objectIn(schema: Schema): Schema | undefined {
  const objects = [schema, ...(schema.anyOf ?? [])].filter(({ properties }) => properties !== undefined);
  return objects.length === 1 ? objects[0] : undefined;
}

const descriptionOf = ({ description, anyOf = [] }: Schema): string =>
  description ?? anyOf.map(descriptionOf).find(Boolean) ?? "";
