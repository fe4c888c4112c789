import type { Catalogue } from "../../protocol/catalogue.ts";
import { EXAMPLE_ORDER } from "../../protocol/events.ts";
import { MAX_CLIENT_MESSAGE_BYTES, MAX_FILTER_PRODUCTS, SUBPROTOCOL } from "../../protocol/frames.ts";
import { CHANNEL_KINDS, type ChannelKind, MAX_PRODUCT_ID_LENGTH } from "../../protocol/names.ts";
import { SOCKET_SCHEMES } from "./access.ts";
import { componentSchemas, type JsonObject, schemaRef } from "./json-schema.ts";
import { type DocumentedMessage, messagesOf, sharedSchemas } from "./messages.ts";
import { ABOUT_SOCKETS, infoOf, sizeText } from "./prose.ts";
import { withSchemaIds } from "./schema-ids.ts";

const CHANNELS = {
  order: {
    address: "/api/v1/ws/orders/{order_id}",
    title: "Order",
    description: "For the order's owner, admins, and guests with a ticket.",
    parameters: { order_id: { description: "A UUID, in any case.", examples: [EXAMPLE_ORDER] } },
    query: {},
  },
  products: {
    address: "/api/v1/ws/products",
    title: "Products",
    description: "For any authenticated user.",
    parameters: {},
    query: {
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

/** The query parameters of both sockets. */
const QUERY: JsonObject = {
  token: { type: "string", description: SOCKET_SCHEMES.token_in_query.description },
  since: { type: "integer", minimum: 0, description: "Resume: the last `seq` that the client received." },
  epoch: { type: "string", description: "Resume: the epoch that `since` belongs to." },
};

const PROTOCOL_HEADER = { type: "string", description: SOCKET_SCHEMES.token_in_subprotocol.description };

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
const namesOf = (messages: Messages, kind: ChannelKind, sender: "service" | "client" | null) =>
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
        query: { type: "object", properties: { ...QUERY, ...query } },
        headers: { type: "object", properties: { "Sec-WebSocket-Protocol": PROTOCOL_HEADER } },
        bindingVersion: "0.1.0",
      },
    },
  };
}

function describeOperations(kind: ChannelKind, messages: Messages): [string, JsonObject][] {
  const { title } = CHANNELS[kind];
  const channel = { $ref: `#/channels/${kind}` };
  const sentBy = (sender: "service" | "client") =>
    namesOf(messages, kind, sender).map((name) => ({ $ref: `#/channels/${kind}/messages/${name}` }));
  const fromService = "The first frame is `connection_established`; events follow in order.";
  const fromClients = `A message of more than ${sizeText(MAX_CLIENT_MESSAGE_BYTES)} closes the socket with 4005, and so does an \`authenticate\`, \`subscribe\` or \`unsubscribe\` that is malformed, exceeds the limits of a filter, or filters an order's socket. A message of any other unknown type closes the socket of a \`${SUBPROTOCOL}\` client with 4005, and is ignored from others.`;
  const described = (direction: string, description: string, sender: "service" | "client") => ({
    channel,
    title: `${title}: messages ${direction} clients`,
    description,
    messages: sentBy(sender),
  });
  return [
    [`send_${kind}`, { action: "send", ...described("to", fromService, "service") }],
    [`receive_${kind}`, { action: "receive", ...described("from", fromClients, "client") }],
  ];
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
