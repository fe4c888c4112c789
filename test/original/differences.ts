/**
 * Where Tidings deliberately differs from the service it replaces. The manual shows this list; the conformance test plays
 * each difference against both services, and fails for any other.
 */

export interface Difference {
  /** What a client or an operator does. */
  what: string;
  original: string;
  tidings: string;
  why: string;
}

export const DIFFERENCES = {
  token_without_end: {
    what: "a token without `exp`",
    original: "is accepted",
    tidings: "is refused with 4001",
    why: "a leaked token would be valid forever",
  },
  foreign_origin: {
    what: "a page of an origin that `BACKEND_CORS_ORIGINS` does not list",
    original: "may listen, because CORS does not cover WebSockets",
    tidings: "is refused with 4003",
    why: "a copied token works on the shop's own pages only",
  },
  uuid_forms: {
    what: "an order id without hyphens",
    original: "is accepted, as Python's `UUID` does",
    tidings: "is refused with 4000",
    why: "each order has one channel name",
  },
  client_messages: {
    what: "a malformed `subscribe` or `authenticate` message",
    original: "is ignored",
    tidings: "is refused with 4005",
    why: "the client would receive other events than it asked for",
  },
  json_heartbeat: {
    what: 'the message `{"type":"ping"}`',
    original: "is ignored",
    tidings: 'is answered with `{"type":"pong"}`',
    why: "many hand-written clients send it, and reconnect without an answer",
  },
  message_rate: {
    what: "a client's messages, other than `ping`, beyond [their limit](operate.md#limits)",
    original: "are ignored",
    tidings: "are refused with 4129",
    why: "each wakes the channel",
  },
  message_size: {
    what: "a client's message of more than 16 KB",
    original: "is ignored",
    tidings: "is refused with 4005",
    why: "no message of the protocol is longer",
  },
  parameters: {
    what: "a misspelt parameter, such as `product_ids`",
    original: "is ignored",
    tidings: "is refused with 4005",
    why: "the client would receive other events than it asked for",
  },
  token_end: {
    what: "a token that ends while its client listens",
    original: "keeps its connection",
    tidings:
      "is closed with 4001, unless `TOKEN_END` is `keep` ([Without a fresh token](tokens.md#without-a-fresh-token))",
    why: "a user who signed out or lost access must not listen for days; send `authenticate` with a new token, or use the SDK",
  },
  connections: {
    what: "more sockets of one user in one channel than `MAX_CONNECTIONS_PER_USER` (20)",
    original: "are all served",
    tidings: "are refused with 4110",
    why: "a page that leaks sockets must not crowd out others",
  },
  state: {
    what: "an order that changed without an event",
    original: "is read from the database at each connection",
    tidings: "is as its last event or `PUT` left it; `ORDERS_API_URL` is asked for unknown orders only",
    why: "the first frame must fit the events after it; publish each change, or send it as `PUT`",
  },
  order_id: {
    what: "`order_id` in an order event's `data`",
    original: "is missing if the publisher left it out",
    tidings: "is added",
    why: "pages may rely on it",
  },
  event_types: {
    what: "an event type outside the catalogue",
    original: "is sent",
    tidings: "is refused, unless `EXTRA_EVENTS` declares it",
    why: "a typing error would go unnoticed",
  },
  event_data: {
    what: "an event whose `data` does not fit its type: no `new_price`, a negative quantity, a `timestamp` of `yesterday`",
    original: "is sent",
    tidings: "is refused",
    why: "pages would show `undefined` or `Invalid Date`",
  },
  event_size: {
    what: "an event of more than 64 KB",
    original: "is sent",
    tidings: "is refused",
    why: "one event must not delay a channel's others",
  },
  health_details: {
    what: "order ids in health",
    original: "are shown to everyone",
    tidings:
      "are shown to services and admins, or with `HEALTH_DETAILS=public`; otherwise all orders are summed as `orders`",
    why: "order ids are private",
  },
  plain_request: {
    what: "an HTTP request to a socket's path",
    original: "returns 404",
    tidings: "returns 426",
    why: "the path exists; RFC 9110, section 15.5.22",
  },
} satisfies Record<string, Difference>;

export type DifferenceName = keyof typeof DIFFERENCES;
