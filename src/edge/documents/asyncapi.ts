import type { Catalogue } from "../../protocol/catalogue.ts";
import { EXAMPLE_ORDER } from "../../protocol/events.ts";
import { MAX_CLIENT_MESSAGE_BYTES, SUBPROTOCOL } from "../../protocol/frames.ts";
import { CHANNEL_KINDS, type ChannelKind } from "../../protocol/names.ts";
import { SECURITY_SCHEMES } from "./access.ts";
import { componentSchemas, type JsonObject, schemaRef } from "./json-schema.ts";
import { type DocumentedMessage, dataSchemas, messagesOf } from "./messages.ts";
import { PARAMETERS } from "./operations.ts";
import { ABOUT_SOCKETS, API_VERSION, LICENSE, TITLE } from "./prose.ts";

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
    query: { product_id: querySchema(PARAMETERS.product_id), conflate: querySchema(PARAMETERS.conflate) },
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
  token: { type: "string", description: SECURITY_SCHEMES.token_in_query.description },
  since: querySchema(PARAMETERS.since),
  epoch: querySchema(PARAMETERS.epoch),
};

const PROTOCOL_HEADER = { type: "string", description: SECURITY_SCHEMES.token_in_subprotocol.description };

/** Returns a query parameter of the HTTP API as AsyncAPI describes it: a schema with a description. */
function querySchema({ schema, description }: { schema: JsonObject; description: string }): JsonObject {
  return { ...schema, description };
}

type Messages = ReturnType<typeof messagesOf>;

/** Returns the WebSocket API as AsyncAPI 3.0. */
export function asyncApiDocument(catalogue: Catalogue): JsonObject {
  const messages = messagesOf(catalogue);
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
    channels: Object.fromEntries(CHANNEL_KINDS.map((kind) => [kind, describeChannel(kind, messages)])),
    operations: Object.fromEntries(CHANNEL_KINDS.flatMap((kind) => describeOperations(kind, messages))),
    components: {
      schemas: componentSchemas({ ...messages, ...dataSchemas(catalogue) }, "draft-7"),
      messages: Object.fromEntries(
        Object.entries(messages).map(([name, message]) => [name, describeMessage(name, message)]),
      ),
      securitySchemes: ASYNC_SECURITY_SCHEMES,
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
  const description = `At most ${MAX_CLIENT_MESSAGE_BYTES} bytes. Anything else closes the socket of a \`${SUBPROTOCOL}\` client with 4005, and is ignored from others.`;
  const fromClient = { title: `${title}: messages from clients`, description, messages: sentBy("client") };
  const toClient = { title: `${title}: messages to clients`, messages: sentBy("service") };
  return [
    [`send_${kind}`, { action: "send", channel, ...toClient }],
    [`receive_${kind}`, { action: "receive", channel, ...fromClient }],
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

/** Any one of these suffices. AsyncAPI calls keys in headers and queries `httpApiKey`. */
const { user_token, token_in_subprotocol, token_in_query } = SECURITY_SCHEMES;
const ASYNC_SECURITY_SCHEMES: JsonObject = {
  user_token,
  token_in_subprotocol: { ...token_in_subprotocol, type: "httpApiKey" },
  token_in_query: { ...token_in_query, type: "httpApiKey" },
};
const SECURITY = Object.keys(ASYNC_SECURITY_SCHEMES).map((name) => ({ $ref: `#/components/securitySchemes/${name}` }));
