import { MIN_JWT_SECRET_BYTES, VISIBLE_ASCII } from "../../config/credentials.ts";
import { splitList } from "../../config/lists.ts";
import { DEFAULT_STREAM } from "../../protocol/stream.ts";
import { utf8Length } from "../../protocol/utf8.ts";
import { redisUrlOf } from "../redis/url.ts";
import { usageError } from "./command-error.ts";
import { DEV_SERVER_FILE, runningDevServer } from "./dev-server.ts";
import { DEV_VARS_FILE, readDevVars, readServiceSettings } from "./dev-vars.ts";
import type { Terminal } from "./terminal.ts";
import { type TokenForm, tokenForm } from "./token-form.ts";

/** How to reach the service and its Redis: from options, else the environment, else this folder's `.dev.vars`. */

export const DEFAULT_URL = "http://localhost:8000";

/** The options that every command takes. */
export interface CommonOptions {
  url?: string;
  key?: string;
  secret?: string;
  json?: boolean;
}

/** A setting and where it was found, so that an error can name the place to fix. */
export interface Setting {
  value: string;
  source: string;
}

/** A secret that signs tokens, and the form of the tokens. */
export interface SigningSecret extends Setting {
  form: TokenForm;
}

/** Where settings come from besides the options. */
export type Sources = Pick<Terminal, "env" | "cwd">;

/**
 * Returns the service's address without a trailing slash: `--url`, else `TIDINGS_URL`, else the running `npm run dev` of
 * this directory, else the default.
 * @throws {CommandError} when it is not an http(s) URL.
 */
export function serviceUrl(options: CommonOptions, sources: Sources): string {
  const { value, source } = urlSetting(options, sources);
  const parsed = URL.parse(value);
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") {
    throw usageError(
      `${source} must be an http:// or https:// address, with a port up to 65535, such as ${DEFAULT_URL}.`,
    );
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}

function urlSetting({ url }: CommonOptions, { env, cwd }: Sources): Setting {
  // An empty `--url` is a mistake, such as an unset variable. It must not lead to another service.
  if (url !== undefined) return { value: url, source: "--url" };
  const found = firstNonEmpty(
    [env.TIDINGS_URL, "TIDINGS_URL"],
    [runningDevServer(cwd) ?? undefined, `The address in ${DEV_SERVER_FILE}`],
  );
  return found ?? { value: DEFAULT_URL, source: "The default" };
}

/**
 * Returns the publish key.
 * @throws {CommandError} when there is none, listing the ways to provide it, or when it is not a valid key.
 */
export function publishKey(options: CommonOptions, sources: Sources): Setting {
  const found =
    firstNonEmpty([options.key, "--key"], [sources.env.TIDINGS_KEY, "TIDINGS_KEY in the environment"]) ??
    setting("PUBLISH_KEYS", sources, bestKeyIn);
  if (found && !VISIBLE_ASCII.test(found.value)) {
    throw usageError(`${found.source} is not a publish key: keys consist of visible ASCII characters.`);
  }
  if (found) return found;
  throw usageError(
    `No publish key. Give it with --key, set TIDINGS_KEY or PUBLISH_KEYS (name:key) in the environment, or run this where \`npm run dev\` has written ${DEV_VARS_FILE}.`,
  );
}

/**
 * Returns the secret that signs tokens: the first one, if there are several.
 * @throws {CommandError} when there is none, or it is too short for any service.
 */
export function jwtSecret(options: CommonOptions, sources: Sources): SigningSecret {
  const found =
    firstNonEmpty([firstSecretIn(options.secret), "--secret"]) ?? setting("JWT_SECRET", sources, firstSecretIn);
  if (!found) {
    throw usageError(
      `No secret to sign tokens with. Give it with --secret, set JWT_SECRET in the environment, or run this where \`npm run dev\` has written ${DEV_VARS_FILE}.`,
    );
  }
  if (utf8Length(found.value) < MIN_JWT_SECRET_BYTES) {
    throw usageError(
      `${found.source} is too short: services accept only secrets of at least ${MIN_JWT_SECRET_BYTES} bytes.`,
    );
  }
  return { ...found, form: tokenForm(sources.cwd) };
}

/** Says what to do when a service refuses a token that was minted with this secret. */
export function remedyForRefusedToken({ source, form }: SigningSecret, url: string): string {
  return form.isAccepted
    ? `The token was signed with ${source}: is that the JWT_SECRET of ${url}?`
    : LOGIN_SERVICE_ONLY;
}

/** Says what to do when a service refuses a publish key. */
export function remedyForRefusedKey({ source }: Setting, url: string): string {
  return `The key came from ${source}. Is it one of the PUBLISH_KEYS of ${url}?`;
}

/** Why the settings of this folder do not accept a minted token. */
export const LOGIN_SERVICE_ONLY =
  "JWT_ALGORITHMS accepts no HS… tokens, the only ones that this command can mint. Use a token of your login service, or set JWT_ALGORITHMS=HS256 in .dev.vars while you develop, with JWKS_URL= and JWT_ISSUER= (both empty) beside it.";

/** A Redis that speaks Upstash's REST protocol, or one that speaks its own. */
export type RedisTarget = { kind: "upstash"; url: Setting; token: Setting } | { kind: "redis"; url: string };

/** Returns the Redis that the service reads from. @throws {CommandError} for an invalid or incomplete setting. */
export function redisTarget(sources: Sources): RedisTarget {
  const url = setting("UPSTASH_REDIS_REST_URL", sources);
  const token = setting("UPSTASH_REDIS_REST_TOKEN", sources);
  if (!url && !token) return { kind: "redis", url: redisUrlOf(sources) };
  if (!url || !token) {
    const [found, missing] = url ? [url, "UPSTASH_REDIS_REST_TOKEN"] : [token, "UPSTASH_REDIS_REST_URL"];
    throw usageError(`${missing} is missing, but ${found?.source} is set. Set both or neither.`);
  }
  if (!VISIBLE_ASCII.test(token.value)) {
    throw usageError(`${token.source} is not a token: tokens consist of visible ASCII characters.`);
  }
  const { protocol = "", username, password } = URL.parse(url.value) ?? {};
  // `fetch` refuses a URL with a password, and its error would print it.
  if (/^https?:$/.test(protocol) && !username && !password) return { kind: "upstash", url, token };
  throw usageError(
    `${url.source} must be an https:// address without user and password, as Upstash's console shows it.`,
  );
}

/** Returns the name of the stream that the service reads. Unlike its secrets, that may be in `wrangler.toml`. */
export function redisStream({ env, cwd }: Sources): string {
  return env.REDIS_STREAM?.trim() || readServiceSettings(cwd).REDIS_STREAM?.trim() || DEFAULT_STREAM;
}

/** Finds a setting in the environment, else in `.dev.vars`. @param pick Takes the part of its text that is needed. */
function setting(
  name: string,
  { env, cwd }: Sources,
  pick = (text: string | undefined): string | undefined => text,
): Setting | null {
  return firstNonEmpty(
    [pick(env[name]), `${name} in the environment`],
    [pick(readDevVars(cwd)[name]), `${name} in ${DEV_VARS_FILE}`],
  );
}

function firstNonEmpty(...candidates: [value: string | undefined, source: string][]): Setting | null {
  for (const [text, source] of candidates) {
    const value = text?.trim();
    if (value) return { value, source };
  }
  return null;
}

/**
 * Picks a key from `PUBLISH_KEYS` (`name:key` or `name:key:scopes`, separated by commas): the first one without scopes,
 * which may do everything, else the first one.
 */
function bestKeyIn(publishKeys: string | undefined): string | undefined {
  const entries = splitList(publishKeys ?? "").map((entry) => entry.split(":"));
  const entry = entries.find(([, , scopes]) => scopes === undefined) ?? entries[0];
  return entry?.[1] ?? entry?.[0];
}

const firstSecretIn = (secrets: string | undefined) => splitList(secrets ?? "")[0];
