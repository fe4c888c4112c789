/** Limits on sockets, on rates, and on what clients may leave unread. Other limits are next to what they limit. */

/** Token bucket for a client's messages: burst size and refill rate. Text pings and answers to `ack_request` are free. */
export const CLIENT_MESSAGES_BURST = 20;
export const CLIENT_MESSAGES_PER_SECOND = 1;

/** Coalescing: events beyond this many messages per second to a `tidings.v1` client wait, and leave together. */
export const COALESCED_MESSAGES_PER_SECOND = 4;

/** Flow control: a `tidings.v1` client with this many unacknowledged characters receives `ack_request`. */
export const ACK_REQUEST_AFTER_CHARACTERS = 256 * 1024;
/** Flow control: a `tidings.v1` client with more unacknowledged characters is closed with 4108. */
export const MAX_UNACKNOWLEDGED_CHARACTERS = 4 * 1024 * 1024;

/** The longest replay: the object and its sockets share 128 MB (Durable Objects limits). */
export const MAX_REPLAY_CHARACTERS = 8 * 1024 * 1024;
/**
 * Flow control: the long replays to one user's `tidings.v1` clients that may be unacknowledged, in one object. Room for
 * two of the longest: when a client reconnects, the replay to its former socket may still count.
 */
export const MAX_UNREAD_REPLAY_CHARACTERS_PER_USER = 2 * MAX_REPLAY_CHARACTERS;
/** Flow control: the same for all users of one object, in bytes. */
export const MAX_UNREAD_REPLAY_BYTES_PER_OBJECT = 64 * 1024 * 1024;

/**
 * Default of `MAX_PLAIN_BYTES_PER_MINUTE`, for one plain client. It cannot acknowledge, so nothing shows whether it
 * reads.
 */
export const DEFAULT_PLAIN_BYTES_PER_MINUTE = 4 * 1024 * 1024;
/** Bytes that all plain clients of one object may be sent within a minute. The largest consumers are closed first. */
export const MAX_PLAIN_BYTES_PER_OBJECT_MINUTE = 64 * 1024 * 1024;

/** Default of `MAX_CONNECTIONS_PER_USER`: one user's sockets in one channel. */
export const DEFAULT_CONNECTIONS_PER_USER = 20;
/**
 * A pinging client that has been silent for longer is probably dead. The SDK pings every 25 s, and browsers throttle a
 * hidden page's timers to one run per minute.
 */
export const PING_OVERDUE_MS = 75_000;
/** With `TOKEN_END=keep`: how long a plain client may stay after its token has expired. */
export const MAX_PLAIN_GRACE_MS = 12 * 3_600_000;
/** Default of `MAX_CONNECTIONS_PER_CHANNEL`: all sockets in one channel. */
export const DEFAULT_CONNECTIONS_PER_CHANNEL = 30_000;

/**
 * The rate-limit bindings of `wrangler.toml`: calls per key, location and period. Metrics use `name`, refusals `calls`.
 */
export const RATE_LIMITS = {
  CONNECTS_PER_ADDRESS: {
    limit: 600,
    periodSeconds: 60,
    name: "connects_per_address",
    calls: "calls from one address",
  },
  CONNECTS_PER_USER: { limit: 60, periodSeconds: 60, name: "connects_per_user", calls: "calls of one user" },
  PUBLISHES_PER_KEY: { limit: 1000, periodSeconds: 10, name: "publishes_per_key", calls: "publish calls with one key" },
  MANAGEMENT_PER_KEY: { limit: 1000, periodSeconds: 10, name: "management_per_key", calls: "calls with one key" },
  BAD_CREDENTIALS_PER_ADDRESS: {
    limit: 60,
    periodSeconds: 60,
    name: "bad_credentials_per_address",
    calls: "calls with a wrong credential",
  },
} as const;

export type RateLimitBinding = keyof typeof RATE_LIMITS;
