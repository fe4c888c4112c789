/**
 * Where Tidings deliberately differs from the service it replaces. README.md shows this list; the conformance test plays
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
