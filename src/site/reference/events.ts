import { SOCKET_SCHEMES } from "../../edge/documents/access.ts";
import { asyncApiDocument } from "../../edge/documents/asyncapi.ts";
import { ABOUT_SOCKETS } from "../../edge/documents/prose.ts";
import { fieldRows, fieldTable, linkTo, type Schema, STANDARD_CATALOGUE, tableOf, typeOf } from "./schema.ts";
import { authenticationTable, codeBlock, joinBlocks, jsonBlock, nameIn, splitDescription, table } from "./text.ts";

/** The page `/docs/events`, as Markdown: the channels of `/asyncapi.json`, the events, then the other messages. */

interface ChannelObject {
  address: string;
  title: string;
  description: string;
  parameters?: Record<string, { description: string }>;
  bindings: { ws: Record<"query" | "headers", { properties: Record<string, Schema> }> };
}

interface DirectionObject {
  action: "send" | "receive";
  channel: { $ref: string };
  description: string;
  messages: { $ref: string }[];
}

interface MessageObject {
  summary: string;
  payload: { $ref: string };
  examples: [{ payload: unknown }];
}

interface AsyncApi {
  channels: Record<string, ChannelObject>;
  operations: Record<string, DirectionObject>;
  components: {
    schemas: Record<string, Schema>;
    messages: Record<string, MessageObject>;
  };
}

// The document is plain JSON of this shape; tests validate it against AsyncAPI's own schema.
const ASYNC_API = asyncApiDocument(STANDARD_CATALOGUE) as unknown as AsyncApi;

const EVENT_SECTIONS = [
  { channel: "order", title: "Order events" },
  { channel: "products", title: "Product events" },
] as const;

/** From the service's side: it sends to clients. */
const DIRECTIONS = [
  { action: "send", title: "Messages to clients", besidesEvents: "Other messages to clients" },
  { action: "receive", title: "Messages from clients", besidesEvents: "Messages from clients" },
] as const;

export function eventsPage(): string {
  const { intro, sections } = splitDescription(ABOUT_SOCKETS);
  return joinBlocks(
    "# Events reference",
    intro,
    "Event types of your own (`EXTRA_EVENTS`) are in your deployment's `/asyncapi.json`, not on this page.",
    "## Channels",
    "Messages are listed under their names in `/asyncapi.json`. Names with a dot, such as `order.established`, do not appear on the wire; the `type` field has the name that is sent.",
    ...Object.entries(ASYNC_API.channels).map(channelSection),
    ...EVENT_SECTIONS.flatMap(eventSections),
    ...DIRECTIONS.flatMap(({ action, besidesEvents }) => [
      `## ${besidesEvents}`,
      ...messageNames(action)
        .filter((name) => !STANDARD_CATALOGUE.has(name))
        .map(messageSection),
    ]),
    sections,
    "## Authentication",
    authenticationTable(SOCKET_SCHEMES),
  );
}

function channelSection([name, { address, title, description, parameters = {}, bindings }]: [
  string,
  ChannelObject,
]): string {
  const { query, headers } = bindings.ws;
  const place = (label: string, schemas: Record<string, Schema>) =>
    Object.entries(schemas).map(([key, schema]) => [
      `\`${key}\``,
      label,
      `${typeOf(schema)}, optional`,
      schema.description ?? "",
    ]);
  const rows = [
    ...Object.entries(parameters).map(([key, parameter]) => [`\`${key}\``, "path", "string", parameter.description]),
    ...place("query", query.properties),
    ...place("header", headers.properties),
  ];
  return joinBlocks(
    `### ${title} channel`,
    `\`${address}\``,
    description,
    table(["name", "in", "type", "meaning"], rows),
    ...DIRECTIONS.map(({ action, title: direction }) => {
      const operation = Object.values(ASYNC_API.operations).find(
        (one) => one.action === action && nameIn(one.channel.$ref) === name,
      );
      const messages = operation?.messages.map(({ $ref }) => linkTo(nameIn($ref))) ?? [];
      return joinBlocks(`#### ${direction}`, operation?.description ?? "", messages.join(", "));
    }),
  );
}

/** Returns a channel's events: first the fields that all have, then each event with its own. */
function eventSections({ channel, title }: (typeof EVENT_SECTIONS)[number]): string[] {
  const events = [...STANDARD_CATALOGUE].flatMap(([type, event]) =>
    event.channel === channel ? [{ ...event, type, rows: fieldRows(inlined(schemaOf(type))) }] : [],
  );
  const isShared = (row: string[]) => events.every(({ rows }) => rows.some((other) => other.join() === row.join()));
  return [
    `## ${title}`,
    "Each is a frame with these fields. Its `data` also has the fields of the event's own section, and any others that were published.",
    tableOf([["`type`", "string", "The event's name."], ...(events[0]?.rows.filter(isShared) ?? [])]),
    ...events.map(({ type, summary, example, rows }) => {
      const own = rows.filter((row) => row[0] !== "`type`" && !isShared(row));
      return joinBlocks(
        `### \`${type}\``,
        summary,
        own.length === 0 ? "" : tableOf(own),
        jsonBlock({ type, data: example }),
      );
    }),
  ];
}

/** Returns the names of the messages in one direction, each once: the channels share some. */
function messageNames(action: DirectionObject["action"]): string[] {
  const ofAction = Object.values(ASYNC_API.operations).filter((operation) => operation.action === action);
  return [...new Set(ofAction.flatMap(({ messages }) => messages.map(({ $ref }) => nameIn($ref))))];
}

function messageSection(name: string): string {
  const message = ASYNC_API.components.messages[name];
  if (message === undefined) throw new Error(`asyncapi.json has no message ${name}`);
  const [{ payload }] = message.examples;
  return joinBlocks(
    `### \`${name}\``,
    message.summary,
    fieldTable(inlined(schemaOf(name))),
    typeof payload === "string" ? codeBlock("", payload) : jsonBlock(payload),
  );
}

/** Messages are named like their schemas. */
function schemaOf(name: string): Schema {
  const schema = ASYNC_API.components.schemas[name];
  if (schema === undefined) throw new Error(`asyncapi.json has no schema ${name}`);
  return schema;
}

/** Replaces references by what they refer to, except those to messages, which have sections on the page. */
const inlined = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema), (_, part: Schema) => {
    const name = part?.$ref === undefined ? undefined : nameIn(part.$ref);
    if (name === undefined || name in ASYNC_API.components.messages) return part;
    return inlined(schemaOf(name));
  });
