import { MAX_PLAIN_GRACE_MS } from "../protocol/limits.ts";
import { type Env, settingText } from "./env.ts";
import { toIssuers } from "./issuers.ts";
import { DEFAULT_HISTORY_LIMIT, fixOf, SETTING_NAMES, type Settings, settingsSchema } from "./schema.ts";

/** The validated configuration. */
export type Config = ReturnType<typeof toConfig>;

/** Upstash Redis, over REST. `url` has no trailing slash; `stream` is the name of the stream to read. */
export type RedisConfig = NonNullable<Config["redis"]>;

/** One invalid setting and its fix. Never contains a secret. */
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
  const result = settingsSchema.safeParse(texts, { error: notText });
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

/** The message for a value that has no text. Settings with messages of their own keep those. */
const notText = ({ code }: { code?: string }) =>
  code === "invalid_type" ? "must be text, a number, or a list with at least one of these" : undefined;

function toConfig(settings: Settings) {
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = settings;
  const areRatesLimited = settings.RATE_LIMITS === "on";
  return {
    /** Origins whose pages may connect, besides the service's own. */
    corsOrigins: settings.BACKEND_CORS_ORIGINS,
    /** Request headers that pages may add, besides those that the service reads. */
    corsAllowHeaders: settings.CORS_ALLOW_HEADERS,
    jwt: {
      /** HMAC secrets that verify HS* tokens; the first one signs tickets. Empty when only key sets verify. */
      secrets: settings.JWT_SECRET,
      algorithms: settings.JWT_ALGORITHMS,
      issuers: toIssuers(settings),
      /** The accepted `aud`; empty accepts any. */
      audiences: settings.JWT_AUDIENCE,
    },
    /** The claims of a user's roles and id: a name, or a dotted path. */
    roleClaim: settings.ROLE_CLAIM,
    userIdClaim: settings.USER_ID_CLAIM,
    adminRoles: new Set(settings.ADMIN_ROLES),
    /** The shop's API, which knows the owners of unregistered orders; without a trailing slash. */
    ordersApiUrl: settings.ORDERS_API_URL ?? null,
    /** The event types that may be published. */
    catalogue: settings.EXTRA_EVENTS,
    /** How many events a channel of each kind keeps for clients that resume. */
    historyLimit: {
      order: settings.HISTORY_LIMIT ?? DEFAULT_HISTORY_LIMIT.order,
      products: settings.HISTORY_LIMIT ?? DEFAULT_HISTORY_LIMIT.products,
    },
    /** How long an event can be replayed. */
    historyTtlMs: settings.HISTORY_TTL_SECONDS * 1000,
    /** How long a socket may be silent before it is closed. */
    idleTimeoutMs: settings.IDLE_TIMEOUT_SECONDS * 1000,
    /** The interval of keep-alives to plain clients that never ping; Infinity for none. */
    plainKeepaliveMs: settings.PLAIN_KEEPALIVE_SECONDS * 1000 || Number.POSITIVE_INFINITY,
    /** How long a plain client may stay after its token has expired; 0 unless `TOKEN_END=keep`. */
    plainGraceMs: settings.TOKEN_END === "keep" ? MAX_PLAIN_GRACE_MS : 0,
    /** How long an order is stored after it has ended. */
    orderRetentionMs: settings.ORDER_RETENTION_SECONDS * 1000,
    /** How long an order is stored after its last change, ended or not. */
    orderIdleRetentionMs: settings.ORDER_IDLE_RETENTION_SECONDS * 1000,
    /** Statuses that end an order, in lower case. */
    terminalStatuses: new Set(settings.TERMINAL_STATUSES),
    /** Part of every epoch; raised when a backup is restored. */
    storageGeneration: settings.STORAGE_GENERATION,
    /** Shards of the products channel in each region with listeners: `auto` decides by their number; 0 for none. */
    productsShards: settings.PRODUCTS_SHARDS,
    /** What a plain client may be sent within a minute, in bytes. */
    plainBytesPerMinute: settings.MAX_PLAIN_BYTES_PER_MINUTE,
    /** Maximum sockets in one channel, for each user and in total. `perUser` is Infinity with `RATE_LIMITS=off`. */
    connections: {
      perUser: areRatesLimited ? settings.MAX_CONNECTIONS_PER_USER : Number.POSITIVE_INFINITY,
      perChannel: settings.MAX_CONNECTIONS_PER_CHANNEL,
    },
    /** False with `RATE_LIMITS=off`. */
    areRatesLimited,
    /** Where the API's documents send questions; null for nowhere. */
    contactUrl: settings.CONTACT_URL ?? null,
    /** Whether the health response lists order ids for everyone. */
    healthIsPublic: settings.HEALTH_DETAILS === "public",
    publishKeys: settings.PUBLISH_KEYS,
    /** The Redis that services may also publish to; null when it is not configured. */
    redis: url && token ? { url, token, stream: settings.REDIS_STREAM } : null,
  } as const;
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
