import { EVENTS, type EventType, EXAMPLE_ORDER, eventTypesOf, isEventType } from "../../protocol/events.ts";
import { MAX_CLIENT_MESSAGE_BYTES, PING, PONG, SUBPROTOCOL } from "../../protocol/frames.ts";
import { SECURITY_SCHEMES } from "./access.ts";
import { exampleFrame, FRAME_EXAMPLES } from "./examples.ts";
import { FRAME_SCHEMAS, frameName } from "./frame-schemas.ts";
import { componentSchemas, type JsonObject, schemaRef } from "./json-schema.ts";
import { PARAMETERS } from "./operations.ts";
import { ABOUT_SOCKETS, API_VERSION, LICENSE, TITLE } from "./prose.ts";

/** Messages other than events. Each is named like its schema; `ping` and `pong` are plain text and have none. */
const MESSAGES: Record<keyof typeof FRAME_EXAMPLES, string> & Record<"ping" | "pong", string> = {
  order_established: "The first frame: the order's state at exactly `seq`.",
  products_established: "The first frame: the channel's current position.",
  order_frames: `Several frames in one message, oldest first. Only with \`${SUBPROTOCOL}\`.`,
  products_frames: `Several frames in one message, oldest first. Only with \`${SUBPROTOCOL}\`.`,
  token_expiring: `The token expires in 30 to 90 seconds: send \`authenticate\` with a fresh one. Only with \`${SUBPROTOCOL}\`.`,
  position: `Every matching event up to this \`seq\` has been sent: the position to resume from. Only with \`${SUBPROTOCOL}\` and a filter.`,
  ack_request: `Asks the client to acknowledge what it has received. Only with \`${SUBPROTOCOL}\`.`,
  closing: `The service closes this socket: the code and reason that follow, and when to reconnect. Browsers may report the close itself seconds later. Only with \`${SUBPROTOCOL}\`.`,
  ack: "Answers `ack_request`: the last `seq` received. A client that never answers is closed with 4108 once too much is unacknowledged.",
  authenticate: "A fresh token of the same user: keeps the connection open beyond the first token's expiry.",
  subscribe: "Adds products to the filter. A client without a filter receives only these products from then on.",
  unsubscribe: "Removes products from the filter.",
  ping: "Keep-alive. The service answers it without waking the channel.",
  pong: "The answer to `ping`.",
};
type MessageName = keyof typeof MESSAGES | EventType;

/** The messages of each socket, by direction. */
const CHANNELS = {
  order: {
    address: "/api/v1/ws/orders/{order_id}",
    title: "Order",
    description: "For the order's owner, admins, and guests with a ticket.",
    down: [
      "order_established",
      ...eventTypesOf("order"),
      "order_frames",
      "token_expiring",
      "ack_request",
      "closing",
      "pong",
    ],
    up: ["authenticate", "ack", "ping"],
    parameters: { order_id: { description: "A UUID, in any case.", examples: [EXAMPLE_ORDER] } },
    query: {},
  },
  products: {
    address: "/api/v1/ws/products",
    title: "Products",
    description: "For any authenticated user.",
    down: [
      "products_established",
      ...eventTypesOf("products"),
      "products_frames",
      "token_expiring",
      "position",
      "ack_request",
      "closing",
      "pong",
    ],
    up: ["subscribe", "unsubscribe", "authenticate", "ack", "ping"],
    parameters: {},
    query: { product_id: querySchema(PARAMETERS.product_id) },
  },
} as const satisfies Record<string, ChannelDescription>;

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
export function asyncApiDocument(): JsonObject {
  const channels: [string, ChannelDescription][] = Object.entries(CHANNELS);
  const names = [...new Set(channels.flatMap(([, { down, up }]) => [...down, ...up]))];
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
    channels: Object.fromEntries(channels.map(([name, channel]) => [name, describeChannel(channel)])),
    operations: Object.fromEntries(channels.flatMap(([name, channel]) => describeOperations(name, channel))),
    components: {
      schemas: componentSchemas(FRAME_SCHEMAS, "draft-7"),
      messages: Object.fromEntries(names.map((name) => [name, describeMessage(name)])),
      securitySchemes: ASYNC_SECURITY_SCHEMES,
    },
  };
}

function describeChannel({ address, title, description, down, up, parameters, query }: ChannelDescription): JsonObject {
  return {
    address,
    title,
    description,
    ...(Object.keys(parameters).length > 0 && { parameters }),
    messages: Object.fromEntries([...down, ...up].map((name) => [name, { $ref: `#/components/messages/${name}` }])),
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

function describeOperations(name: string, { title, down, up }: ChannelDescription): [string, JsonObject][] {
  const channel = { $ref: `#/channels/${name}` };
  const messages = (list: MessageName[]) => list.map((message) => ({ $ref: `#/channels/${name}/messages/${message}` }));
  return [
    [`send_${name}`, { action: "send", channel, title: `${title}: messages to clients`, messages: messages(down) }],
    [
      `receive_${name}`,
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

function describeMessage(name: MessageName): JsonObject {
  if (isEventType(name)) {
    return {
      name,
      title: name,
      summary: EVENTS[name].summary,
      payload: schemaRef(frameName(name)),
      examples: [{ name, payload: exampleFrame(name) }],
    };
  }
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
