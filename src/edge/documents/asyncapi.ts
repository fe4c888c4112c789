import { type Catalogue, typesOf } from "../../protocol/catalogue.ts";
import { type EventDefinition, EXAMPLE_ORDER } from "../../protocol/events.ts";
import { MAX_CLIENT_MESSAGE_BYTES, PING, PONG, SUBPROTOCOL } from "../../protocol/frames.ts";
import { CHANNEL_KINDS, type ChannelKind } from "../../protocol/names.ts";
import { SECURITY_SCHEMES } from "./access.ts";
import { exampleFrame, FRAME_EXAMPLES } from "./examples.ts";
import { frameName, frameSchemas } from "./frame-schemas.ts";
import { componentSchemas, type JsonObject, schemaRef } from "./json-schema.ts";
import { PARAMETERS } from "./operations.ts";
import { ABOUT_SOCKETS, API_VERSION, LICENSE, TITLE } from "./prose.ts";

/** Messages other than events. Each is named like its schema; `ping` and `pong` are plain text and have none. */
const MESSAGES: Record<keyof typeof FRAME_EXAMPLES, string> & Record<"ping" | "pong", string> = {
  "order.established": "The first frame: the order's state at exactly `seq`.",
  "products.established": "The first frame: the channel's current position.",
  "order.frames": `Several frames in one message, oldest first. Only with \`${SUBPROTOCOL}\`.`,
  "products.frames": `Several frames in one message, oldest first. Only with \`${SUBPROTOCOL}\`.`,
  token_expiring: `The token expires in 30 to 90 seconds: send \`authenticate\` with a fresh one. Only with \`${SUBPROTOCOL}\`.`,
  ack_request: `Asks the client to acknowledge what it has received. Only with \`${SUBPROTOCOL}\`.`,
  closing: `The service closes this socket: the code and reason that follow, and when to reconnect. Browsers may report the close itself seconds later. Only with \`${SUBPROTOCOL}\`.`,
  ack: "Answers `ack_request` with its fields. A client that never answers is closed with 4108 once too much is unacknowledged. Without the `nonce`, which only a client that reads can know, it may be sent as much as a client without the subprotocol.",
  authenticate: "A fresh token of the same user: keeps the connection open beyond the first token's expiry.",
  subscribe: "Adds products to the filter. A client without a filter receives only these products from then on.",
  unsubscribe: "Removes products from the filter.",
  ping: "Keep-alive. The service answers it without waking the channel.",
  pong: "The answer to `ping`.",
};
type MessageName = keyof typeof MESSAGES;
// `Object.keys` returns `string[]`.
const MESSAGE_NAMES = Object.keys(MESSAGES) as MessageName[];

/** The messages of each socket besides events, by direction. */
const CHANNELS = {
  order: {
    address: "/api/v1/ws/orders/{order_id}",
    title: "Order",
    description: "For the order's owner, admins, and guests with a ticket.",
    down: ["order.established", "order.frames", "token_expiring", "ack_request", "closing", "pong"],
    up: ["authenticate", "ack", "ping"],
    parameters: { order_id: { description: "A UUID, in any case.", examples: [EXAMPLE_ORDER] } },
    query: {},
  },
  products: {
    address: "/api/v1/ws/products",
    title: "Products",
    description: "For any authenticated user.",
    down: ["products.established", "products.frames", "token_expiring", "ack_request", "closing", "pong"],
    up: ["subscribe", "unsubscribe", "authenticate", "ack", "ping"],
    parameters: {},
    query: { product_id: querySchema(PARAMETERS.product_id) },
  },
} as const satisfies Record<ChannelKind, ChannelDescription>;

interface ChannelDescription {
  address: string;
  title: string;
  description: string;
  /** Server → client. */
  down: MessageName[];
  /** Client → server. */
  up: MessageName[];
  parameters: JsonObject;
  query: JsonObject;
}

/** The query parameters of both sockets. */
const QUERY: JsonObject = {
  token: { type: "string", description: SECURITY_SCHEMES.token_in_query.description },
  since: querySchema(PARAMETERS.since),
  epoch: querySchema(PARAMETERS.epoch),
};

/** Returns a query parameter of the HTTP API as AsyncAPI describes it: a schema with a description. */
function querySchema({ schema, description }: { schema: JsonObject; description: string }): JsonObject {
  return { ...schema, description };
}

/** Returns the WebSocket API as AsyncAPI 3.0. */
export function asyncApiDocument(catalogue: Catalogue): JsonObject {
  const messages = {
    ...Object.fromEntries(MESSAGE_NAMES.map((name) => [name, describeMessage(name)])),
    ...Object.fromEntries([...catalogue].map(([type, definition]) => [type, describeEvent(type, definition)])),
  };
  return {
    asyncapi: "3.0.0",
    info: {
      title: TITLE,
      version: API_VERSION,
      description: ABOUT_SOCKETS,
      license: { name: LICENSE.name },
      tags: [{ name: "orders" }, { name: "products" }],
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
    channels: Object.fromEntries(CHANNEL_KINDS.map((kind) => [kind, describeChannel(kind, catalogue)])),
    operations: Object.fromEntries(CHANNEL_KINDS.flatMap((kind) => describeOperations(kind, catalogue))),
    components: {
      schemas: componentSchemas(frameSchemas(catalogue), "draft-7"),
      messages,
      securitySchemes: ASYNC_SECURITY_SCHEMES,
    },
  };
}

/** Returns the messages that a socket receives. */
const sentOn = (kind: ChannelKind, catalogue: Catalogue): string[] => [
  ...CHANNELS[kind].down,
  ...typesOf(catalogue, kind),
];

function describeChannel(kind: ChannelKind, catalogue: Catalogue): JsonObject {
  const { address, title, description, up, parameters, query } = CHANNELS[kind];
  const messages = [...sentOn(kind, catalogue), ...up];
  return {
    address,
    title,
    description,
    ...(Object.keys(parameters).length > 0 && { parameters }),
    messages: Object.fromEntries(messages.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
    bindings: {
      ws: {
        method: "GET",
        query: { type: "object", properties: { ...QUERY, ...query } },
        headers: {
          type: "object",
          properties: {
            "Sec-WebSocket-Protocol": {
              type: "string",
              description: SECURITY_SCHEMES.token_in_subprotocol.description,
            },
          },
        },
        bindingVersion: "0.1.0",
      },
    },
  };
}

function describeOperations(kind: ChannelKind, catalogue: Catalogue): [string, JsonObject][] {
  const { title, up } = CHANNELS[kind];
  const channel = { $ref: `#/channels/${kind}` };
  const messages = (names: readonly string[]) =>
    names.map((message) => ({ $ref: `#/channels/${kind}/messages/${message}` }));
  return [
    [
      `send_${kind}`,
      {
        action: "send",
        channel,
        title: `${title}: messages to clients`,
        messages: messages(sentOn(kind, catalogue)),
      },
    ],
    [
      `receive_${kind}`,
      {
        action: "receive",
        channel,
        title: `${title}: messages from clients`,
        description: `At most ${MAX_CLIENT_MESSAGE_BYTES} bytes. Anything else closes the socket with 4005.`,
        messages: messages(up),
      },
    ],
  ];
}

function describeEvent(type: string, definition: EventDefinition): JsonObject {
  return {
    name: type,
    title: type,
    summary: definition.summary,
    payload: schemaRef(frameName(type)),
    examples: [{ name: type, payload: exampleFrame(type, definition) }],
  };
}

function describeMessage(name: MessageName): JsonObject {
  const about = { name, title: name, summary: MESSAGES[name] };
  if (name === "ping" || name === "pong") {
    const text = name === "ping" ? PING : PONG;
    const payload = { type: "string", const: text };
    return { ...about, contentType: "text/plain", payload, examples: [{ name, payload: text }] };
  }
  return { ...about, payload: schemaRef(name), examples: [{ name, payload: FRAME_EXAMPLES[name] }] };
}

/** Any one of these suffices. AsyncAPI calls keys in headers and queries `httpApiKey`. */
const { user_token, token_in_subprotocol, token_in_query } = SECURITY_SCHEMES;
const ASYNC_SECURITY_SCHEMES: JsonObject = {
  user_token,
  token_in_subprotocol: { ...token_in_subprotocol, type: "httpApiKey" },
  token_in_query: { ...token_in_query, type: "httpApiKey" },
};
const SECURITY = Object.keys(ASYNC_SECURITY_SCHEMES).map((name) => ({ $ref: `#/components/securitySchemes/${name}` }));
