import { MAX_QUEUED_CHARACTERS } from "../../src/channels/listeners/slices.ts";
import {
  MAX_CLIENT_MESSAGE_BYTES,
  MAX_FILTER_PRODUCTS,
  MAX_FILTER_UNITS,
  MAX_TOKEN_LENGTH,
} from "../../src/protocol/frames.ts";
import {
  CLIENT_MESSAGES_BURST,
  CLIENT_MESSAGES_PER_SECOND,
  DEFAULT_CONNECTIONS_PER_CHANNEL,
  DEFAULT_CONNECTIONS_PER_USER,
  DEFAULT_PLAIN_BYTES_PER_MINUTE,
  MAX_PLAIN_BYTES_PER_OBJECT_MINUTE,
  MAX_UNACKNOWLEDGED_CHARACTERS,
  RATE_LIMITS,
} from "../../src/protocol/limits.ts";
import { MAX_EVENT_ID_LENGTH } from "../../src/protocol/names.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, MAX_JSON_DEPTH } from "../../src/protocol/publish-call.ts";
import type { RefusalReason } from "../../src/protocol/refusals.ts";

/** The limits that the manual lists. `size-limits.test.ts` requires a test for each size. */

interface LimitRow {
  what: string;
  limit: string;
  refusal: RefusalReason;
  /** Where the limit applies: sockets are refused with a close code, HTTP calls with a status. */
  appliesTo: ("socket" | "call")[];
}

const count = (value: number) => value.toLocaleString("en");
const bytes = (value: number) => (value % 1024 ** 2 === 0 ? `${value / 1024 ** 2} MB` : `${value / 1024} KB`);
const rate = ({ limit, periodSeconds }: { limit: number; periodSeconds: number }) =>
  `${count(limit)} in ${periodSeconds} s`;

/** The documented limits. */
export const LIMITS: LimitRow[] = [
  {
    what: "a user's sockets in one channel, or those of one ticket (`MAX_CONNECTIONS_PER_USER`)",
    limit: count(DEFAULT_CONNECTIONS_PER_USER),
    refusal: "too_many_connections",
    appliesTo: ["socket"],
  },
  {
    what: "all sockets of one channel (`MAX_CONNECTIONS_PER_CHANNEL`)",
    limit: count(DEFAULT_CONNECTIONS_PER_CHANNEL),
    refusal: "too_many_connections",
    appliesTo: ["socket"],
  },
  {
    what: "connection attempts, unauthenticated health requests, and signed calls before a valid signature, per address (`CONNECTS_PER_ADDRESS`)",
    limit: rate(RATE_LIMITS.CONNECTS_PER_ADDRESS),
    refusal: "rate_limited",
    appliesTo: ["socket", "call"],
  },
  {
    what: "connection attempts and calls with a user's token, per user (`CONNECTS_PER_USER`)",
    limit: rate(RATE_LIMITS.CONNECTS_PER_USER),
    refusal: "rate_limited",
    appliesTo: ["socket", "call"],
  },
  {
    what: "publish calls per key; a batch is one call (`PUBLISHES_PER_KEY`)",
    limit: rate(RATE_LIMITS.PUBLISHES_PER_KEY),
    refusal: "rate_limited",
    appliesTo: ["call"],
  },
  {
    what: "all other calls per key: orders, tickets, disconnect, health, metrics (`MANAGEMENT_PER_KEY`)",
    limit: rate(RATE_LIMITS.MANAGEMENT_PER_KEY),
    refusal: "rate_limited",
    appliesTo: ["call"],
  },
  {
    what: "calls with a wrong key, signature or token, per address (`BAD_CREDENTIALS_PER_ADDRESS`)",
    limit: rate(RATE_LIMITS.BAD_CREDENTIALS_PER_ADDRESS),
    refusal: "rate_limited",
    appliesTo: ["call"],
  },
  {
    what: "a client's messages, except text pings and answers to `ack_request`",
    limit: `${CLIENT_MESSAGES_BURST} at once, then ${CLIENT_MESSAGES_PER_SECOND} per second`,
    refusal: "rate_limited",
    appliesTo: ["socket"],
  },
  {
    what: "unacknowledged characters sent to a `tidings.v1` client, replays excluded",
    limit: count(MAX_UNACKNOWLEDGED_CHARACTERS),
    refusal: "too_slow",
    appliesTo: ["socket"],
  },
  {
    what: "bytes sent to a plain client within a minute (`MAX_PLAIN_BYTES_PER_MINUTE`)",
    limit: bytes(DEFAULT_PLAIN_BYTES_PER_MINUTE),
    refusal: "too_slow",
    appliesTo: ["socket"],
  },
  {
    what: "bytes sent to all plain clients of one object within a minute; the largest consumers are closed first",
    limit: bytes(MAX_PLAIN_BYTES_PER_OBJECT_MINUTE),
    refusal: "too_slow",
    appliesTo: ["socket"],
  },
  {
    what: "a token, when connecting, in a call, and in `authenticate`",
    limit: `${count(MAX_TOKEN_LENGTH)} characters`,
    refusal: "token_too_long",
    appliesTo: ["socket", "call"],
  },
  {
    what: "a client's message",
    limit: bytes(MAX_CLIENT_MESSAGE_BYTES),
    refusal: "protocol_error",
    appliesTo: ["socket"],
  },
  { what: "products in a filter", limit: count(MAX_FILTER_PRODUCTS), refusal: "protocol_error", appliesTo: ["socket"] },
  {
    what: "a filter's product ids together",
    limit: `${count(MAX_FILTER_UNITS)} UTF-16 units`,
    refusal: "protocol_error",
    appliesTo: ["socket"],
  },
  {
    what: "an event, as the frame that is sent",
    limit: bytes(MAX_EVENT_BYTES),
    refusal: "body_too_large",
    appliesTo: ["call"],
  },
  {
    what: "the body of a publish call, one event or a batch",
    limit: bytes(MAX_BATCH_BYTES),
    refusal: "body_too_large",
    appliesTo: ["call"],
  },
  { what: "events in a batch", limit: count(MAX_BATCH_EVENTS), refusal: "validation_failed", appliesTo: ["call"] },
  {
    what: "an event's `id`",
    limit: `${MAX_EVENT_ID_LENGTH} characters`,
    refusal: "validation_failed",
    appliesTo: ["call"],
  },
  {
    what: "characters that wait in one object to be sent; each waiting listener counts as 32",
    limit: count(MAX_QUEUED_CHARACTERS),
    refusal: "unavailable",
    appliesTo: ["call"],
  },
  { what: "nesting of `data`", limit: `${MAX_JSON_DEPTH} levels`, refusal: "validation_failed", appliesTo: ["call"] },
];
