import { asyncApiDocument } from "../../edge/documents/asyncapi.ts";
import { catalogueWith } from "../../protocol/catalogue.ts";
import { authenticationTable, type SecurityScheme } from "./authentication.ts";
import { fieldTable, linkTo, type Schema, typeOf } from "./schema.ts";
import { codeBlock, joinBlocks, jsonBlock, nameIn, splitDescription, table } from "./text.ts";

/** The page `/docs/events`, as Markdown: the channels of `/asyncapi.json`, then its messages. */

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
  info: { description: string };
  channels: Record<string, ChannelObject>;
  operations: Record<string, DirectionObject>;
  components: {
    schemas: Record<string, Schema>;
    messages: Record<string, MessageObject>;
    securitySchemes: Record<string, SecurityScheme>;
  };
}

// The document is plain JSON of this shape; tests validate it against AsyncAPI's own schema.
const ASYNC_API = asyncApiDocument(catalogueWith([])) as unknown as AsyncApi;

/** From the service's side: it sends to clients. */
const DIRECTIONS = [
  { action: "send", title: "Messages to clients" },
  { action: "receive", title: "Messages from clients" },
] as const;

export function eventsPage(): string {
  const { intro, sections } = splitDescription(ASYNC_API.info.description);
  return joinBlocks(
    "# Events reference",
    intro,
    "Event types of your own (`EXTRA_EVENTS`) are in your deployment's `/asyncapi.json`, not on this page.",
    "## Channels",
    "Messages have the names of `/asyncapi.json`. Those with a dot, such as `order.established`, are never sent: a message's fields say what its `type` is.",
    ...Object.entries(ASYNC_API.channels).map(channelSection),
    ...DIRECTIONS.flatMap(({ action, title }) => [`## ${title}`, ...messageNames(action).map(messageSection)]),
    sections,
    "## Authentication",
    authenticationTable(ASYNC_API.components.securitySchemes),
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

/** Returns the names of the messages in one direction, without those of a second channel that the first one has, too. */
function messageNames(action: DirectionObject["action"]): string[] {
  const ofAction = Object.values(ASYNC_API.operations).filter((operation) => operation.action === action);
  return [...new Set(ofAction.flatMap(({ messages }) => messages.map(({ $ref }) => nameIn($ref))))];
}

function messageSection(name: string): string {
  const message = ASYNC_API.components.messages[name];
  const schema = ASYNC_API.components.schemas[name];
  if (message === undefined || schema === undefined) throw new Error(`asyncapi.json has no message ${name}`);
  const [{ payload }] = message.examples;
  return joinBlocks(
    `### \`${name}\``,
    message.summary,
    fieldTable(inlined(schema)),
    typeof payload === "string" ? codeBlock("", payload) : jsonBlock(payload),
  );
}

/** Returns a schema that refers to nothing but messages, which have sections on the page. */
const inlined = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema), (_, part: Schema) => {
    const name = part?.$ref === undefined ? undefined : nameIn(part.$ref);
    if (name === undefined || name in ASYNC_API.components.messages) return part;
    return inlined(ASYNC_API.components.schemas[name] ?? {});
  });
