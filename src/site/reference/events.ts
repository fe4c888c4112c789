import { SOCKET_SCHEMES } from "../../edge/documents/access.ts";
import { CHANNELS, DIRECTIONS, namesOf, SOCKET_HEADERS } from "../../edge/documents/asyncapi.ts";
import { componentSchemas } from "../../edge/documents/json-schema.ts";
import { type DocumentedMessage, messagesOf, sharedSchemas } from "../../edge/documents/messages.ts";
import { ABOUT_SOCKETS } from "../../edge/documents/prose.ts";
import { CHANNEL_KINDS, type ChannelKind } from "../../protocol/names.ts";
import { fieldRows, fieldTable, linkTo, type Schema, STANDARD_CATALOGUE, tableOf, typeOf } from "./schema.ts";
import { authenticationTable, codeBlock, joinBlocks, jsonBlock, nameIn, splitDescription, table } from "./text.ts";

/** The page `/docs/events`, as Markdown: the channels of `/asyncapi.json`, the events, then the other messages. */

const STANDARD_MESSAGES = messagesOf(STANDARD_CATALOGUE);
// zod's output is plain JSON Schema; tests validate `/asyncapi.json` against AsyncAPI's own schema.
const MESSAGE_SCHEMAS = componentSchemas(
  { ...STANDARD_MESSAGES, ...sharedSchemas(STANDARD_CATALOGUE) },
  "draft-7",
) as Record<string, Schema>;

export function eventsPage(): string {
  const { intro, sections } = splitDescription(ABOUT_SOCKETS);
  return joinBlocks(
    "# Events reference",
    intro,
    "Event types of your own (`EXTRA_EVENTS`) are in your deployment's `/asyncapi.json`, not on this page.",
    "## Channels",
    "Messages are listed under their names in `/asyncapi.json`. Names with a dot, such as `order.established`, do not appear on the wire; the `type` field has the name that is sent.",
    ...CHANNEL_KINDS.map(channelSection),
    "## Order events",
    ...eventBlocks("order"),
    "## Product events",
    ...eventBlocks("products"),
    "## Other messages to clients",
    ...messageSections("service"),
    "## Messages from clients",
    ...messageSections("client"),
    sections,
    "## Authentication",
    authenticationTable(SOCKET_SCHEMES),
  );
}

function channelSection(kind: ChannelKind): string {
  const { address, title, description, parameters, query } = CHANNELS[kind];
  const place = (label: string, schemas: Record<string, Schema>) =>
    Object.entries(schemas).map(([key, schema]) => [
      `\`${key}\``,
      label,
      `${typeOf(schema)}, optional`,
      schema.description ?? "",
    ]);
  const rows = [
    ...Object.entries(parameters).map(([key, parameter]) => [`\`${key}\``, "path", "string", parameter.description]),
    ...place("query", query),
    ...place("header", SOCKET_HEADERS),
  ];
  return joinBlocks(
    `### ${title} channel`,
    `\`${address}\``,
    description,
    table(["name", "in", "type", "meaning"], rows),
    ...Object.values(DIRECTIONS).flatMap(({ sender, direction, description: rules }) => [
      `#### Messages ${direction}`,
      rules,
      namesOf(STANDARD_MESSAGES, kind, sender).map(linkTo).join(", "),
    ]),
  );
}

/** Returns a channel's events: first the fields that all have, then each event with its own. */
function eventBlocks(kind: ChannelKind): string[] {
  const events = [...STANDARD_CATALOGUE].flatMap(([type, event]) =>
    event.channel === kind ? [{ ...event, type, rows: fieldRows(schemaOf(type)) }] : [],
  );
  const isShared = (row: string[]) => events.every(({ rows }) => rows.some((other) => other.join() === row.join()));
  return [
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

/** Returns a section for each message besides the events. */
const messageSections = (sender: DocumentedMessage["sender"]): string[] =>
  Object.entries(STANDARD_MESSAGES)
    .filter(([name, message]) => message.sender === sender && !STANDARD_CATALOGUE.has(name))
    .map(([name, { summary, example }]) =>
      joinBlocks(
        `### \`${name}\``,
        summary,
        fieldTable(schemaOf(name)),
        typeof example === "string" ? codeBlock("", example) : jsonBlock(example),
      ),
    );

/**
 * Returns a message's schema, with references replaced by what they refer to, except those to other messages, which
 * have sections on the page.
 */
function schemaOf(name: string): Schema {
  return JSON.parse(JSON.stringify(MESSAGE_SCHEMAS[name]), (_, part: Schema) => {
    const target = nameIn(part?.$ref ?? "");
    return target in MESSAGE_SCHEMAS && !(target in STANDARD_MESSAGES) ? schemaOf(target) : part;
  });
}
