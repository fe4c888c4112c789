import {
  DEFAULT_CONNECTIONS_PER_CHANNEL,
  DEFAULT_CONNECTIONS_PER_USER,
  DEFAULT_PLAIN_BYTES_PER_MINUTE,
  MOST_CONNECTIONS_PER_CHANNEL,
} from "../protocol/limits.ts";
import { DEFAULT_STREAM } from "../protocol/stream.ts";
import {
  isHmac,
  list,
  type PublishKey,
  readAlgorithms,
  readJwksUrl,
  readPublishKeys,
  readSecrets,
} from "./credentials.ts";
import type { Env } from "./env.ts";

/** The settings, checked. */
export interface Config {
  /** Origins whose pages may connect, besides the service's own; `*` allows all. */
  corsOrigins: ReadonlySet<string>;
  jwt: {
    /** They verify HS* tokens; the first one signs tickets. None when the JWKS alone verifies. */
    secrets: readonly Uint8Array<ArrayBuffer>[];
    algorithms: string[];
    /** Where the public keys are that verify every other token; set when such algorithms are named. */
    jwksUrl: string | null;
    /** Checked when set. */
    issuer: string | null;
    audience: string | null;
  };
  roleClaim: string;
  adminRoles: ReadonlySet<string>;
  /** Where an order's owner is looked up when its object has none; without a trailing slash. */
  ordersApiUrl: string | null;
  historyLimit: number;
  historyTtlMs: number;
  /** How long a socket that should ping may show no sign of life. */
  idleTimeoutMs: number;
  /** How long what is stored of an order outlives its end. */
  orderRetentionMs: number;
  /** How long after its last change an order is kept, ended or not. */
  orderIdleRetentionMs: number;
  /** Statuses that end an order, in lower case. */
  terminalStatuses: ReadonlySet<string>;
  /** Part of every epoch; raised when a backup is restored. */
  storageGeneration: number;
  /** What a plain client may be sent within a minute, in bytes. */
  plainBytesPerMinute: number;
  /** How many sockets there may be in one channel; Infinity a user with `RATE_LIMITS=off`. */
  connections: { perUser: number; perChannel: number };
  /** Whether anything is limited that `RATE_LIMITS=off` sets free. */
  areRatesLimited: boolean;
  /** Whether anybody may read order ids on the health page. */
  healthIsPublic: boolean;
  publishKeys: readonly PublishKey[];
  /** Where events may also come from; null when there is no Redis. */
  redis: RedisConfig | null;
}

/** Upstash Redis, over REST. */
export interface RedisConfig {
  url: string;
  token: string;
  stream: string;
}

const DEFAULT_TERMINAL_STATUSES = "delivered,cancelled,canceled,completed,refunded,returned,failed";

export const MAX_HISTORY_LIMIT = 100_000;

/** One thing wrong with the settings. It names the setting and the way to mend it, never its value. */
export interface ConfigFault {
  setting: string;
  message: string;
  fix: string;
}

const setInVars = (name: string, example: string) => `set ${name} = "${example}" under [vars] in wrangler.toml`;
const putSecret = (name: string) => `wrangler secret put ${name}`;

/** Reads one setting; `undefined` and blanks mean "not set". */
type Reader<T> = (text: string) => T | string;

/**
 * Env → Config.
 * @returns The configuration, or every fault at once.
 */
export function readConfig(env: Record<string, unknown>): { config: Config } | { faults: ConfigFault[] } {
  const faults: ConfigFault[] = [];

  /** A fault is returned as text that starts with "must"; anything else is the value. */
  const read = <T>(setting: string, fallback: string, fix: string, reader: Reader<{ value: T }>): T | undefined => {
    const raw = env[setting];
    const text = typeof raw === "string" && raw.trim() !== "" ? raw.trim() : fallback;
    const result = reader(text);
    if (typeof result === "object") return result.value;
    faults.push({ setting, message: result, fix });
    return undefined;
  };

  const integer = (setting: string, fallback: number, min: number, max: number) =>
    read(setting, String(fallback), setInVars(setting, String(fallback)), (text) => {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? { value } : `must be a whole number from ${min} to ${max}`;
    });

  const corsOrigins = read(
    "BACKEND_CORS_ORIGINS",
    "",
    setInVars("BACKEND_CORS_ORIGINS", "https://shop.example,https://www.shop.example"),
    (text) => {
      const origins = list(text).map((origin) => origin.replace(/\/$/, ""));
      const wrong = origins.some((origin) => origin !== "*" && URL.parse(origin)?.origin !== origin.toLowerCase());
      return wrong
        ? "must be origins (scheme, host, port; no path), separated by commas, or *"
        : { value: new Set(origins.map((origin) => origin.toLowerCase())) };
    },
  );
  const jwksUrl = read("JWKS_URL", "", setInVars("JWKS_URL", "https://login.shop.example/jwks.json"), readJwksUrl);
  // A JWKS_URL that is wrong is one fault, not two.
  const hasJwksUrl = jwksUrl !== null;
  const algorithms = read(
    "JWT_ALGORITHMS",
    "HS256",
    setInVars("JWT_ALGORITHMS", hasJwksUrl ? "RS256" : "HS256"),
    (text) => readAlgorithms(text, hasJwksUrl),
  );
  const secrets = read("JWT_SECRET", "", putSecret("JWT_SECRET"), (text) =>
    readSecrets(text, algorithms === undefined || algorithms.some(isHmac)),
  );
  const ordersApiUrl = read(
    "ORDERS_API_URL",
    "",
    setInVars("ORDERS_API_URL", "https://api.shop.example/api/v1/orders"),
    (text) => {
      if (text === "") return { value: null };
      const url = URL.parse(text);
      const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
      return isHttp && !url.search && !url.hash
        ? { value: text.replace(/\/+$/, "") }
        : "must be an http(s) URL without query";
    },
  );
  const publishKeys = read("PUBLISH_KEYS", "", putSecret("PUBLISH_KEYS"), readPublishKeys);
  const redisUrl = read("UPSTASH_REDIS_REST_URL", "", putSecret("UPSTASH_REDIS_REST_URL"), (text) => {
    const isHttp = /^https?:$/.test(URL.parse(text)?.protocol ?? "");
    if (text === "" && env.UPSTASH_REDIS_REST_TOKEN) return "must be set, because UPSTASH_REDIS_REST_TOKEN is";
    return text === "" || isHttp ? { value: text.replace(/\/+$/, "") } : "must be an http(s) URL";
  });
  const redisToken = read("UPSTASH_REDIS_REST_TOKEN", "", putSecret("UPSTASH_REDIS_REST_TOKEN"), (text) =>
    text === "" && env.UPSTASH_REDIS_REST_URL ? "must be set, because UPSTASH_REDIS_REST_URL is" : { value: text },
  );
  const historyLimit = integer("HISTORY_LIMIT", 1000, 1, MAX_HISTORY_LIMIT);
  const historyTtlSeconds = integer("HISTORY_TTL_SECONDS", 86_400, 1, 365 * 86_400);
  const idleTimeoutSeconds = integer("IDLE_TIMEOUT_SECONDS", 600, 60, 86_400);
  const orderRetentionSeconds = integer("ORDER_RETENTION_SECONDS", 30 * 86_400, 60, 3650 * 86_400);
  const orderIdleRetentionSeconds = integer("ORDER_IDLE_RETENTION_SECONDS", 400 * 86_400, 60, 3650 * 86_400);
  const storageGeneration = integer("STORAGE_GENERATION", 0, 0, 999_999);
  const plainBytesPerMinute = integer("MAX_PLAIN_BYTES_PER_MINUTE", DEFAULT_PLAIN_BYTES_PER_MINUTE, 64 * 1024, 2 ** 30);
  const perUser = integer("MAX_CONNECTIONS_PER_USER", DEFAULT_CONNECTIONS_PER_USER, 1, MOST_CONNECTIONS_PER_CHANNEL);
  const perChannel = integer(
    "MAX_CONNECTIONS_PER_CHANNEL",
    DEFAULT_CONNECTIONS_PER_CHANNEL,
    1,
    MOST_CONNECTIONS_PER_CHANNEL,
  );
  const areRatesLimited = read("RATE_LIMITS", "on", setInVars("RATE_LIMITS", "on"), (text) =>
    text === "on" || text === "off" ? { value: text === "on" } : "must be on or off",
  );
  const text = (setting: string, fallback: string) => read(setting, fallback, "", (value) => ({ value })) ?? fallback;

  if (
    corsOrigins === undefined ||
    jwksUrl === undefined ||
    secrets === undefined ||
    algorithms === undefined ||
    ordersApiUrl === undefined ||
    publishKeys === undefined ||
    redisUrl === undefined ||
    redisToken === undefined ||
    historyLimit === undefined ||
    historyTtlSeconds === undefined ||
    idleTimeoutSeconds === undefined ||
    orderRetentionSeconds === undefined ||
    orderIdleRetentionSeconds === undefined ||
    storageGeneration === undefined ||
    plainBytesPerMinute === undefined ||
    perUser === undefined ||
    perChannel === undefined ||
    areRatesLimited === undefined
  ) {
    return { faults };
  }
  return {
    config: {
      corsOrigins,
      jwt: {
        secrets,
        algorithms,
        jwksUrl,
        issuer: text("JWT_ISSUER", "") || null,
        audience: text("JWT_AUDIENCE", "") || null,
      },
      roleClaim: text("ROLE_CLAIM", "role"),
      adminRoles: new Set(list(text("ADMIN_ROLES", "admin"))),
      ordersApiUrl,
      historyLimit,
      historyTtlMs: historyTtlSeconds * 1000,
      idleTimeoutMs: idleTimeoutSeconds * 1000,
      orderRetentionMs: orderRetentionSeconds * 1000,
      orderIdleRetentionMs: orderIdleRetentionSeconds * 1000,
      storageGeneration,
      plainBytesPerMinute,
      terminalStatuses: new Set(list(text("TERMINAL_STATUSES", DEFAULT_TERMINAL_STATUSES).toLowerCase())),
      connections: { perUser: areRatesLimited ? perUser : Number.POSITIVE_INFINITY, perChannel },
      areRatesLimited,
      healthIsPublic: text("HEALTH_DETAILS", "") === "public",
      publishKeys,
      redis: redisUrl ? { url: redisUrl, token: redisToken, stream: text("REDIS_STREAM", DEFAULT_STREAM) } : null,
    },
  };
}

/** The settings do not allow the service to run. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];
  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ setting, message, fix }) => `${setting} ${message} (${fix})`).join("; "));
    this.name = "ConfigError";
    this.faults = faults;
  }
}

const known = new WeakMap<object, Config>();

/**
 * The configuration of an environment; checked once for each.
 * @throws {ConfigError} with every fault at once.
 */
export function configOf(env: Env): Config {
  let config = known.get(env);
  if (!config) {
    const result = readConfig(env);
    if ("faults" in result) throw new ConfigError(result.faults);
    config = result.config;
    known.set(env, config);
  }
  return config;
}
