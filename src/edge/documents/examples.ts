import * as z from "zod";
import { EXAMPLE_ORDER } from "../../protocol/events.ts";
import { orderChannelName } from "../../protocol/names.ts";
import type { Json, JsonObject } from "./json-schema.ts";

/** The examples of bodies and messages. Tests check each against its schema. */

export const EXAMPLE_CHANNEL = orderChannelName(EXAMPLE_ORDER);
const EXAMPLE_EVENT_ID = "5b0d9f4e-7c1a-4f0b-9a52-3a6a0c1f2d3e";
const EXAMPLE_TS = "2026-11-22T10:16:02.511Z";

/** An example of each field, by its name. */
const EXAMPLE_FIELDS: JsonObject = {
  carrier: null,
  channel: EXAMPLE_CHANNEL,
  closed: 1,
  code: 4200,
  current_status: "processing",
  epoch: "5f0c2b1e",
  expires_at: EXAMPLE_TS,
  id: EXAMPLE_EVENT_ID,
  nonce: EXAMPLE_EVENT_ID,
  order_id: EXAMPLE_ORDER,
  payment_status: "paid",
  product_ids: ["p-42"],
  reason: "Going away",
  receivers: 2,
  resumed: null,
  retry_after_ms: 1320,
  seq: 8,
  status: "processing",
  subject: `ticket:${EXAMPLE_EVENT_ID}`,
  token: "<jwt>",
  tracking_number: null,
  ts: EXAMPLE_TS,
  ttl_seconds: 86_400,
  user_id: "alice",
  version: 6,
};

/**
 * Returns an example of a schema.
 * @param given Examples of its own fields, in place of those above.
 * @param name The name of its field.
 */
export function schemaExample(schema: z.core.$ZodType, given: JsonObject = {}, name = ""): Json {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape);
    return Object.fromEntries(fields.map(([field, inner]) => [field, given[field] ?? schemaExample(inner, {}, field)]));
  }
  if (schema instanceof z.ZodEnum) return schema.options[0] as Json;
  if (schema instanceof z.ZodLiteral && schema.values.size === 1) return schema.value as Json;
  const example = EXAMPLE_FIELDS[name];
  if (example === undefined) throw new Error(`no example of ${name}`);
  return example;
}
