/** Settings of the project `limits`: low enough for tests to reach, or other than their defaults. */
export const CONNECTIONS_PER_USER = 3;
export const CONNECTIONS_PER_CHANNEL = 5;
export const CONNECTS_PER_ADDRESS = 6;
export const CONNECTS_PER_USER = 5;
export const PUBLISHES_PER_KEY = 4;
export const MANAGEMENT_PER_KEY = 60;
// Not the same as CONNECTS_PER_ADDRESS: the emulated limiter tells limits apart by their numbers.
export const BAD_CREDENTIALS_PER_ADDRESS = 5;

export const PLAIN_BYTES_PER_MINUTE = 64 * 1024;

export const LOW_LIMITS = {
  settings: {
    MAX_PLAIN_BYTES_PER_MINUTE: String(PLAIN_BYTES_PER_MINUTE),
    RATE_LIMITS: "on",
    TOKEN_END: "keep",
    PLAIN_KEEPALIVE_SECONDS: "60",
    MAX_CONNECTIONS_PER_USER: String(CONNECTIONS_PER_USER),
    MAX_CONNECTIONS_PER_CHANNEL: String(CONNECTIONS_PER_CHANNEL),
  },
  rates: {
    CONNECTS_PER_ADDRESS: { namespace_id: "1", simple: { limit: CONNECTS_PER_ADDRESS, period: 60 } },
    CONNECTS_PER_USER: { namespace_id: "2", simple: { limit: CONNECTS_PER_USER, period: 60 } },
    PUBLISHES_PER_KEY: { namespace_id: "3", simple: { limit: PUBLISHES_PER_KEY, period: 60 } },
    MANAGEMENT_PER_KEY: { namespace_id: "4", simple: { limit: MANAGEMENT_PER_KEY, period: 60 } },
    BAD_CREDENTIALS_PER_ADDRESS: { namespace_id: "5", simple: { limit: BAD_CREDENTIALS_PER_ADDRESS, period: 60 } },
  },
} as const;
