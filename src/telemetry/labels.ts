import { ABNORMAL_CLOSURE } from "../protocol/close-rules.ts";
import { RATE_LIMITS } from "../protocol/limits.ts";

/** The values of labels, as closed lists: a label with free text would become a series for each text. */

/** The operations that may fail: values of the label `where`, and of `where` in the log. */
export const FAULT_PLACES = [
  "analytics",
  "configuration",
  "dead_letters",
  "deliver",
  "doorbell",
  "gap",
  "health",
  "jwks",
  "listener_counts",
  "maintenance",
  "message",
  "metrics",
  "orders_api",
  "queue",
  "rate_limit",
  "redis",
  "relay",
  "relay_outbox",
  "relay_state",
  "request",
  "shard",
  "stream_gap",
  "watchdog",
] as const;
export type FaultPlace = (typeof FAULT_PLACES)[number];

/**
 * Codes of closes that clients or the network cause; 1005 means a Close frame without a code, 1006 none at all
 * (RFC 6455, section 7.4.1).
 */
export const CLIENT_CLOSE_CODES = [1000, 1001, 1005, ABNORMAL_CLOSURE];
/** Stands for the codes that are not listed: a client may send any code, and each would become a series. */
export const OTHER_CLOSE_CODE = "other";

/** Values of the label `limit`: the rate limits of the Worker, then the limits that channels enforce. */
export const LIMIT_NAMES = [
  ...Object.values(RATE_LIMITS).map(({ name }) => name),
  "connections_per_user",
  "connections_per_channel",
  "client_messages",
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Whether a limit applies to each publish key, whose name is then the label `key`. */
export const isLimitPerKey = (limit: LimitName) => limit.endsWith("_per_key");

/** Why tokens, keys and signatures are refused: values of the label `reason`. */
export const AUTH_FAILURES = [
  "missing",
  "too_long",
  "malformed",
  "algorithm",
  "unknown_key",
  "key_not_known_yet",
  "keys_unavailable",
  "signature",
  "expired",
  "valid_soon",
  "not_yet_valid",
  "claim",
  "key_missing",
  "key_unknown",
  "key_signature_malformed",
  "key_timestamp",
  "key_signature",
  "key_unsignable",
  "key_unbound",
  "key_scope",
  "key_several",
  "key_page",
] as const;
export type AuthFailure = (typeof AUTH_FAILURES)[number];
