import type { Catalogue } from "../protocol/catalogue.ts";
import { MAX_PLAIN_GRACE_MS } from "../protocol/limits.ts";
import type { ChannelKind } from "../protocol/names.ts";
import type { PublishKey } from "./credentials.ts";
import { type Env, settingText } from "./env.ts";
import { type Issuer, toIssuers } from "./issuers.ts";
import type { AllowedOrigins } from "./origins.ts";
import { DEFAULT_HISTORY_LIMIT, fixOf, SETTING_NAMES, type Settings, settingsSchema } from "./schema.ts";

/** The validated configuration. */
export interface Config {
  /** Origins whose pages may connect, besides the service's own. */
  corsOrigins: AllowedOrigins;
  /** Request headers that pages may add, besides those that the service reads. */
  corsAllowHeaders: readonly string[];
  jwt: {
    /** HMAC secrets that verify HS* tokens; the first one signs tickets. Empty when only key sets verify. */
    secrets: readonly Uint8Array<ArrayBuffer>[];
    algorithms: string[];
    issuers: readonly Issuer[];
    /** The accepted `aud`; empty accepts any. */
    audiences: readonly string[];
  };
  /** The claims of a user's roles and id: a name, or a dotted path. */
  roleClaim: string;
  userIdClaim: string;
  adminRoles: ReadonlySet<string>;
  /** The shop's API, which knows the owners of unregistered orders; without a trailing slash. */
  ordersApiUrl: string | null;
  /** The event types that may be published. */
  catalogue: Catalogue;
  /** How many events a channel of each kind keeps for clients that resume. */
  historyLimit: Readonly<Record<ChannelKind, number>>;
  /** How long an event can be replayed. */
  historyTtlMs: number;
  /** How long a socket may be silent before it is closed. */
  idleTimeoutMs: number;
  /** The interval of keep-alives to plain clients that never ping; Infinity for none. */
  plainKeepaliveMs: number;
  /** How long a plain client may stay after its token has expired; 0 unless `TOKEN_END=keep`. */
  plainGraceMs: number;
  /** How long an order is stored after it has ended. */
  orderRetentionMs: number;
  /** How long an order is stored after its last change, ended or not. */
  orderIdleRetentionMs: number;
  /** Statuses that end an order, in lower case. */
  terminalStatuses: ReadonlySet<string>;
  /** Part of every epoch; raised when a backup is restored. */
  storageGeneration: number;
  /** What a plain client may be sent within a minute, in bytes. */
  plainBytesPerMinute: number;
  /** Shards of the products channel in each region with listeners: `auto` decides by their number; 0 for none. */
  productsShards: "auto" | number;
  /** Maximum sockets in one channel, for each user and in total. `perUser` is Infinity with `RATE_LIMITS=off`. */
  connections: { perUser: number; perChannel: number };
  /** False with `RATE_LIMITS=off`. */
  areRatesLimited: boolean;
  /** Whether the health response lists order ids for everyone. */
  healthIsPublic: boolean;
  publishKeys: readonly PublishKey[];
  /** The Redis that services may also publish to; null when it is not configured. */
  redis: RedisConfig | null;
}

/** Upstash Redis, over REST. */
export interface RedisConfig {
  /** Without a trailing slash. */
  url: string;
  token: string;
  /** The name of the stream to read. */
  stream: string;
}

/** One invalid setting. Names the setting and its fix, never its value. */
export interface ConfigFault {
  setting: string;
  /** What the setting must be; starts with "must". */
  message: string;
  fix: string;
}

/** The configuration, or every fault. */
export type ReadConfig = { ok: true; config: Config } | { ok: false; faults: ConfigFault[] };

/** Reads the configuration from the environment. Blank settings count as not set. */
export function readConfig(env: Record<string, unknown>): ReadConfig {
  const texts = Object.fromEntries(SETTING_NAMES.map((name) => [name, settingText(env[name])]));
  const result = settingsSchema.safeParse(texts);
  if (result.success) return { ok: true, config: toConfig(result.data) };
  const faults = SETTING_NAMES.flatMap((setting): ConfigFault[] => {
    const issues = result.error.issues.filter(({ path }) => path[0] === setting);
    // Several issues of one setting are one fault.
    const [issue] = issues;
    const index = issue?.path[1];
    const message = typeof index === "number" ? `${issue?.message} (item ${index + 1})` : issue?.message;
    const example = issues.map((issue) => (issue.code === "custom" ? issue.params?.example : undefined)).at(-1);
    return message === undefined ? [] : [{ setting, message, fix: fixOf(setting, example) }];
  });
  return { ok: false, faults };
}

function toConfig(settings: Settings): Config {
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = settings;
  const areRatesLimited = settings.RATE_LIMITS === "on";
  return {
    corsOrigins: settings.BACKEND_CORS_ORIGINS,
    corsAllowHeaders: settings.CORS_ALLOW_HEADERS,
    jwt: {
      secrets: settings.JWT_SECRET,
      algorithms: settings.JWT_ALGORITHMS,
      issuers: toIssuers(settings),
      audiences: settings.JWT_AUDIENCE,
    },
    roleClaim: settings.ROLE_CLAIM,
    userIdClaim: settings.USER_ID_CLAIM,
    adminRoles: new Set(settings.ADMIN_ROLES),
    ordersApiUrl: settings.ORDERS_API_URL ?? null,
    catalogue: settings.EXTRA_EVENTS,
    historyLimit: {
      order: settings.HISTORY_LIMIT ?? DEFAULT_HISTORY_LIMIT.order,
      products: settings.HISTORY_LIMIT ?? DEFAULT_HISTORY_LIMIT.products,
    },
    historyTtlMs: settings.HISTORY_TTL_SECONDS * 1000,
    idleTimeoutMs: settings.IDLE_TIMEOUT_SECONDS * 1000,
    plainKeepaliveMs: settings.PLAIN_KEEPALIVE_SECONDS * 1000 || Number.POSITIVE_INFINITY,
    plainGraceMs: settings.TOKEN_END === "keep" ? MAX_PLAIN_GRACE_MS : 0,
    orderRetentionMs: settings.ORDER_RETENTION_SECONDS * 1000,
    orderIdleRetentionMs: settings.ORDER_IDLE_RETENTION_SECONDS * 1000,
    terminalStatuses: new Set(settings.TERMINAL_STATUSES),
    storageGeneration: settings.STORAGE_GENERATION,
    productsShards: settings.PRODUCTS_SHARDS,
    plainBytesPerMinute: settings.MAX_PLAIN_BYTES_PER_MINUTE,
    connections: {
      perUser: areRatesLimited ? settings.MAX_CONNECTIONS_PER_USER : Number.POSITIVE_INFINITY,
      perChannel: settings.MAX_CONNECTIONS_PER_CHANNEL,
    },
    areRatesLimited,
    healthIsPublic: settings.HEALTH_DETAILS === "public",
    publishKeys: settings.PUBLISH_KEYS,
    redis: url && token ? { url, token, stream: settings.REDIS_STREAM } : null,
  };
}

/** Thrown when settings are invalid. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];
  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ setting, message, fix }) => `${setting} ${message} (${fix})`).join("; "));
    this.name = "ConfigError";
    this.faults = faults;
  }
}

const configs = new WeakMap<Env, Config>();

/**
 * Returns an environment's configuration. Parsed on the first call, then cached.
 * @throws {ConfigError} with every fault.
 */
export function configOf(env: Env): Config {
  let config = configs.get(env);
  if (!config) {
    const result = readConfig(env);
    if (!result.ok) throw new ConfigError(result.faults);
    config = result.config;
    configs.set(env, config);
  }
  return config;
}
