import { isOrderEvent } from "./catalogue.ts";
import { type EventDraft, eventPath } from "./publish.ts";

/** A publish call as source text. The key comes from the environment, so that the text is safe to share. */

/** Each `write` returns the call that publishes a draft. Only order events use the order id. */
export const LANGUAGES = {
  curl: { label: "curl", write: curl },
  typescript: { label: "TypeScript", write: typescript },
  python: { label: "Python", write: python },
};
export type Language = keyof typeof LANGUAGES;

function curl(draft: EventDraft, orderId: string): string {
  const body = JSON.stringify(draft).replaceAll("'", "'\\''");
  return `curl -X POST ${location.origin}${eventPath(draft.type, orderId)} \\
  -H "Authorization: Bearer $PUBLISH_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${body}'`;
}

function typescript({ type, data, ...options }: EventDraft, orderId: string): string {
  const [method, target] = isOrderEvent(type)
    ? ["publishOrderUpdate", `${JSON.stringify(orderId)}, `]
    : ["publishProductUpdate", ""];
  const last = Object.keys(options).length > 0 ? `, ${JSON.stringify(options)}` : "";
  return [
    'import { createPublisher } from "tidings/publisher";',
    "",
    "const publisher = createPublisher({",
    `  url: ${JSON.stringify(location.origin)},`,
    "  key: process.env.PUBLISH_KEY,",
    "});",
    `await publisher.${method}(${target}${JSON.stringify(type)}, ${JSON.stringify(data, null, 2)}${last});`,
  ].join("\n");
}

function python({ type, data, ...options }: EventDraft, orderId: string): string {
  const [method, target] = isOrderEvent(type)
    ? ["publish_order_update", [JSON.stringify(orderId)]]
    : ["publish_product_update", []];
  const named = Object.entries(options).map(([name, value]) => `${name}=${literal(value)}`);
  const lines = [...target, JSON.stringify(type), literal(data, INDENT), ...named].map((line) => `${INDENT}${line},\n`);
  return `import os
from tidings import Tidings

tidings = Tidings(${JSON.stringify(location.origin)}, os.environ["PUBLISH_KEY"])
tidings.${method}(
${lines.join("")})`;
}

const INDENT = "    ";

/** Returns a JSON value as a Python literal. */
function literal(value: unknown, indent = ""): string {
  const inner = indent + INDENT;
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, inner)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const lines = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${literal(item, inner)},\n`,
  );
  return lines.length === 0 ? "{}" : `{\n${lines.join("")}${indent}}`;
}
