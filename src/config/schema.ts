import * as z from "zod";
import {
  DEFAULT_CONNECTIONS_PER_CHANNEL,
  DEFAULT_CONNECTIONS_PER_USER,
  DEFAULT_PLAIN_BYTES_PER_MINUTE,
} from "../protocol/limits.ts";
import { MAX_SOCKETS_PER_OBJECT } from "../protocol/platform-limits.ts";
import { MAX_SHARDS_PER_REGION } from "../protocol/shards.ts";
import { DEFAULT_STREAM } from "../protocol/stream.ts";
import { claimPath } from "./claims.ts";
import { algorithms, isAsymmetric, jwksUrl, publishKeys, secrets } from "./credentials.ts";
import { extraEvents } from "./extra-events.ts";
import { ISSUER_RULES, issuers } from "./issuers.ts";
import { jurisdiction } from "./jurisdiction.ts";
import { listOf } from "./lists.ts";
import { origins } from "./origins.ts";
import type { SettingsRule } from "./settings-rule.ts";

/**
 * Every setting with its default, bounds and validation. A setting without a default is optional. `meta` has an example
 * where the default is no useful suggestion, or marks a secret with `isSecret`.
 */

/** This many events of the largest size take two thirds of an object's storage limit. */
const MAX_HISTORY_LIMIT = 100_000;
/**
 * Products: ten minutes at 100 events a second, which outlasts a deploy, a tunnel or a phone call. That is about 21 MB of
 * storage, 2 MB of memory, and 240 more rows to read (12 ms) at the first event after a wake. Orders have few events.
 */
export const DEFAULT_HISTORY_LIMIT = { order: 1000, products: 60_000 };
const DAY_SECONDS = 86_400;

const boundedInteger = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
};

const integer = (fallback: number, min: number, max: number) => boundedInteger(min, max).prefault(String(fallback));

const shardsMessage = `must be auto, 0 or a whole number from 1 to ${MAX_SHARDS_PER_REGION}`;
const shards = z
  .string()
  .regex(/^(auto|0|[1-9]\d?)$/, shardsMessage)
  .transform((text) => (text === "auto" ? text : Number(text)))
  .refine((count) => count === "auto" || count <= MAX_SHARDS_PER_REGION, shardsMessage);

/** An http(s) URL that paths are appended to. Trailing slashes are removed. */
const baseUrl = z
  .string()
  .refine((text) => {
    const url = URL.parse(text);
    const isHttp = url !== null && /^https?:$/.test(url.protocol);
    // In the text, because a URL's `search` and `hash` are empty for `?` and `#` alone.
    return isHttp && !url.username && !url.password && !/[?#]/.test(text);
  }, "must be an http(s) URL without credentials, query or fragment")
  .transform((text) => text.replace(/\/+$/, ""));

const contactUrl = z.url({ protocol: /^(https|mailto)$/, error: "must be an https or mailto URL" });

/** Headers that tracing tools add to a page's requests: W3C, Sentry, Application Insights, Zipkin, Datadog, New Relic. */
const DEFAULT_CORS_HEADERS =
  "traceparent,tracestate,baggage,sentry-trace,x-request-id,x-correlation-id,request-id,request-context,b3,x-b3-traceid," +
  "x-b3-spanid,x-b3-parentspanid,x-b3-sampled,x-datadog-origin,x-datadog-parent-id,x-datadog-sampling-priority," +
  "x-datadog-trace-id,newrelic";
/** A field name (RFC 9110, section 5.1). */
const headerName = z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,64}$/, "must be names of headers, separated by commas");

const DEFAULT_TERMINAL_STATUSES = "delivered,cancelled,canceled,completed,refunded,returned,failed";
const statusesMessage = "must be statuses of at most 64 characters, separated by commas";
const terminalStatuses = listOf(z.string().toLowerCase().max(64, statusesMessage));

/** Former names of settings. They are errors: ignoring one would silently apply the default. */
const RENAMED = { GHOST_SECONDS: "IDLE_TIMEOUT_SECONDS" } as const;
const renamed = (successor: string) => z.undefined(`must be renamed to ${successor}`).optional();

const settings = z.object({
  BACKEND_CORS_ORIGINS: origins.prefault("").meta({ example: "https://shop.example,https://*.shop.example" }),
  CORS_ALLOW_HEADERS: listOf(headerName).prefault(DEFAULT_CORS_HEADERS),
  JWKS_URL: listOf(jwksUrl).prefault("").meta({ example: "https://login.shop.example/jwks.json" }),
  JWT_ALGORITHMS: algorithms.prefault("HS256").meta({ example: "RS256" }),
  JWT_SECRET: secrets.prefault("").meta({ isSecret: true }),
  JWT_ISSUER: issuers.prefault("").meta({ example: "https://login.shop.example" }),
  JWT_AUDIENCE: listOf(z.string()).prefault("").meta({ example: "https://api.shop.example" }),
  ROLE_CLAIM: claimPath("role"),
  USER_ID_CLAIM: claimPath("sub"),
  ADMIN_ROLES: listOf(z.string()).prefault("admin"),
  ORDERS_API_URL: baseUrl
    .refine((url) => !url.includes(","), "must be one URL")
    .optional()
    .meta({ example: "https://api.shop.example/api/v1/orders" }),
  EXTRA_EVENTS: extraEvents.prefault("").meta({ example: "orders:order_refunded+status,products:stock_reserved" }),
  PUBLISH_KEYS: publishKeys.prefault("").meta({ isSecret: true }),
  UPSTASH_REDIS_REST_URL: baseUrl.optional().meta({ isSecret: true }),
  UPSTASH_REDIS_REST_TOKEN: z.string().optional().meta({ isSecret: true }),
  REDIS_STREAM: z
    .string()
    .refine((name) => !name.includes(","), "must be the name of one stream")
    .default(DEFAULT_STREAM),
  HISTORY_LIMIT: boundedInteger(1, MAX_HISTORY_LIMIT).optional().meta({ example: "1000" }),
  HISTORY_TTL_SECONDS: integer(DAY_SECONDS, 1, 365 * DAY_SECONDS),
  IDLE_TIMEOUT_SECONDS: integer(600, 60, DAY_SECONDS),
  PLAIN_KEEPALIVE_SECONDS: integer(0, 0, 3600)
    .refine((seconds) => seconds === 0 || seconds >= 60, "must be 0 (off) or at least 60")
    .meta({ example: "90" }),
  TOKEN_END: z.enum(["close", "keep"], "must be close or keep").default("close"),
  ORDER_RETENTION_SECONDS: integer(30 * DAY_SECONDS, 60, 3650 * DAY_SECONDS),
  ORDER_IDLE_RETENTION_SECONDS: integer(400 * DAY_SECONDS, 60, 3650 * DAY_SECONDS),
  TERMINAL_STATUSES: terminalStatuses.prefault(DEFAULT_TERMINAL_STATUSES),
  STORAGE_GENERATION: integer(0, 0, 999_999),
  PRODUCTS_SHARDS: shards.prefault("auto"),
  JURISDICTION: jurisdiction.meta({ example: "eu" }),
  MAX_PLAIN_BYTES_PER_MINUTE: integer(DEFAULT_PLAIN_BYTES_PER_MINUTE, 64 * 1024, 1024 ** 3),
  MAX_CONNECTIONS_PER_USER: integer(DEFAULT_CONNECTIONS_PER_USER, 1, MAX_SOCKETS_PER_OBJECT),
  MAX_CONNECTIONS_PER_CHANNEL: integer(DEFAULT_CONNECTIONS_PER_CHANNEL, 1, MAX_SOCKETS_PER_OBJECT),
  RATE_LIMITS: z.enum(["on", "off"], "must be on or off").default("on"),
  CONTACT_URL: contactUrl.optional().meta({ example: "https://shop.example/support" }),
  HEALTH_DETAILS: z.literal("public", "must be public or empty").optional(),
  GHOST_SECONDS: renamed(RENAMED.GHOST_SECONDS),
});

/** Valid settings by name, parsed. */
export type Settings = z.infer<typeof settings>;
type SettingName = keyof Settings;

const requiredWith = (setting: SettingName, other: SettingName): SettingsRule<Settings> => ({
  setting,
  message: `must be set because ${other} is`,
  isKept: (values) => values[setting] !== undefined || values[other] === undefined,
});

const RULES: SettingsRule<Settings>[] = [
  ...ISSUER_RULES,
  {
    setting: "JWT_SECRET",
    message: "must be set: it verifies the tokens of listeners",
    isKept: ({ JWT_ALGORITHMS, JWT_SECRET }) => JWT_SECRET.length > 0 || JWT_ALGORITHMS.every(isAsymmetric),
  },
  requiredWith("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
  requiredWith("UPSTASH_REDIS_REST_TOKEN", "UPSTASH_REDIS_REST_URL"),
];

/**
 * Parses all settings from text. Issues have the setting's name as their path. Rules are checked even when some
 * settings are invalid, so that one error lists every fault; but not when one is not text, which rules cannot read.
 */
export const settingsSchema = RULES.reduce(
  (schema, { setting, message, example, isKept }) =>
    schema.refine(isKept, {
      path: [setting],
      error: message,
      params: { example },
      when: ({ issues }) => !issues.some((issue) => issue.code === "invalid_type" && issue.expected === "string"),
    }),
  settings,
);

/** Every setting's name, in the order in which faults are listed. */
export const SETTING_NAMES = Object.keys(settings.shape) as SettingName[];

/**
 * Returns how to fix a setting, as one line for an operator.
 * @param example A valid value to suggest instead of the setting's usual example, which is its default if it has none.
 */
export function fixOf(setting: SettingName, example?: unknown): string {
  if (setting in RENAMED) return `rename ${setting} to ${RENAMED[setting as keyof typeof RENAMED]} in wrangler.toml`;
  const schema = settings.shape[setting];
  const meta = schema.meta() ?? {};
  if (meta.isSecret) return `wrangler secret put ${setting}`;
  const usual = meta.example ?? ("defaultValue" in schema.def ? schema.def.defaultValue : "");
  return `set ${setting} = "${example ?? usual}" under [vars] in wrangler.toml`;
}
