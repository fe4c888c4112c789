import type { Catalogue } from "../../protocol/catalogue.ts";
import { EXAMPLE_ORDER } from "../../protocol/events.ts";
import { MAX_CLIENT_MESSAGE_BYTES, MAX_FILTER_PRODUCTS, SUBPROTOCOL } from "../../protocol/frames.ts";
import { CHANNEL_KINDS, type ChannelKind, MAX_PRODUCT_ID_LENGTH } from "../../protocol/names.ts";
import { SOCKET_SCHEMES } from "./access.ts";
import { componentSchemas, type JsonObject, schemaRef, withSchemaIds } from "./json-schema.ts";
import { type DocumentedMessage, messagesOf, sharedSchemas } from "./messages.ts";
import { ABOUT_SOCKETS, infoOf, sizeText } from "./prose.ts";

/** The query parameters of both sockets. */
const QUERY = {
  token: { type: "string", description: SOCKET_SCHEMES.token_in_query.description },
  since: { type: "integer", minimum: 0, description: "Resume: the last `seq` that the client received." },
  epoch: { type: "string", description: "Resume: the epoch that `since` belongs to." },
} as const;

export const CHANNELS = {
  order: {
    address: "/api/v1/ws/orders/{order_id}",
    title: "Order",
    description: "For the order's owner, admins, and guests with a ticket.",
    parameters: { order_id: { description: "A UUID, in any case.", examples: [EXAMPLE_ORDER] } },
    query: QUERY,
  },
  products: {
    address: "/api/v1/ws/products",
    title: "Products",
    description: "For any authenticated user.",
    parameters: {},
    query: {
      ...QUERY,
      product_id: {
        type: "array",
        items: { type: "string", minLength: 1, maxLength: MAX_PRODUCT_ID_LENGTH },
        minItems: 1,
        maxItems: MAX_FILTER_PRODUCTS,
        description:
          "Receive only these products' events. Repeat the parameter, or separate ids by commas; percent-encode each id, a comma in it as `%2C`. A malformed filter, or a misspelt parameter such as `product_ids`, closes with 4005.",
      },
      conflate: {
        type: "string",
        enum: ["0", "1"],
        default: "0",
        description:
          "`1`: of the `inventory_updated` and `price_updated` events that are sent together, receive only the newest of each product, so `seq` has holes. Any value but `0` and `1` closes with 4005.",
      },
    },
  },
} as const satisfies Record<ChannelKind, ChannelDescription>;

interface ChannelDescription {
  address: string;
  title: string;
  description: string;
  parameters: JsonObject;
  query: JsonObject;
}

/** What a socket carries, from the service's side. */
export const DIRECTIONS = {
  send: {
    sender: "service",
    direction: "to clients",
    description: "The first frame is `connection_established`; events follow in order.",
  },
  receive: {
    sender: "client",
    direction: "from clients",
    description: `A message of more than ${sizeText(MAX_CLIENT_MESSAGE_BYTES)} closes the socket with 4005, and so does an \`authenticate\`, \`subscribe\` or \`unsubscribe\` that is malformed, exceeds the limits of a filter, or filters an order's socket. A message of any other unknown type closes the socket of a \`${SUBPROTOCOL}\` client with 4005, and is ignored from others.`,
  },
} as const;

export const SOCKET_HEADERS = {
  "Sec-WebSocket-Protocol": { type: "string", description: SOCKET_SCHEMES.token_in_subprotocol.description },
} as const;

type Messages = ReturnType<typeof messagesOf>;

/** Returns the WebSocket API as AsyncAPI 3.0. @param contactUrl As in `infoOf`. */
export function asyncApiDocument(catalogue: Catalogue, contactUrl: string | null = null): JsonObject {
  const messages = messagesOf(catalogue);
  return {
    asyncapi: "3.0.0",
    info: {
      ...infoOf(ABOUT_SOCKETS, contactUrl),
      tags: [
        { name: "orders", description: "What happens to one order." },
        { name: "products", description: "What happens to any product." },
      ],
    },
    defaultContentType: "application/json",
    servers: {
      deployed: {
        host: "{host}",
        protocol: "wss",
        description: "A deployed service.",
        variables: { host: { default: "tidings.example", description: "The deployment's host name." } },
        security: SECURITY,
      },
      local: { host: "localhost:8000", protocol: "ws", description: "`npm run dev`", security: SECURITY },
    },
    channels: Object.fromEntries(CHANNEL_KINDS.map((kind) => [kind, describeChannel(kind, messages)])),
    operations: Object.fromEntries(CHANNEL_KINDS.flatMap((kind) => describeOperations(kind, messages))),
    components: {
      schemas: withSchemaIds(componentSchemas({ ...messages, ...sharedSchemas(catalogue) }, "draft-7")),
      messages: Object.fromEntries(
        Object.entries(messages).map(([name, message]) => [name, describeMessage(name, message)]),
      ),
      securitySchemes: SOCKET_SCHEMES,
    },
  };
}

/** Returns the names of a socket's messages. @param sender Null for both directions. */
export const namesOf = (messages: Messages, kind: ChannelKind, sender: "service" | "client" | null) =>
  Object.entries(messages).flatMap(([name, message]) =>
    message.channels.includes(kind) && (sender ?? message.sender) === message.sender ? [name] : [],
  );

function describeChannel(kind: ChannelKind, messages: Messages): JsonObject {
  const { address, title, description, parameters, query } = CHANNELS[kind];
  return {
    address,
    title,
    description,
    ...(Object.keys(parameters).length > 0 && { parameters }),
    messages: Object.fromEntries(
      namesOf(messages, kind, null).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
    ),
    bindings: {
      ws: {
        method: "GET",
        query: { type: "object", properties: query },
        headers: { type: "object", properties: SOCKET_HEADERS },
        bindingVersion: "0.1.0",
      },
    },
  };
}

function describeOperations(kind: ChannelKind, messages: Messages): [string, JsonObject][] {
  return Object.entries(DIRECTIONS).map(([action, { sender, direction, description }]) => [
    `${action}_${kind}`,
    {
      action,
      channel: { $ref: `#/channels/${kind}` },
      title: `${CHANNELS[kind].title}: messages ${direction}`,
      description,
      messages: namesOf(messages, kind, sender).map((name) => ({ $ref: `#/channels/${kind}/messages/${name}` })),
    },
  ]);
}

function describeMessage(name: string, { summary, example }: DocumentedMessage): JsonObject {
  return {
    name,
    title: name,
    summary,
    ...(typeof example === "string" && { contentType: "text/plain" }),
    payload: schemaRef(name),
    examples: [{ name, payload: example }],
  };
}

/** Any one of these suffices. */
const SECURITY = Object.keys(SOCKET_SCHEMES).map((name) => ({ $ref: `#/components/securitySchemes/${name}` }));
