import { list, MIN_JWT_SECRET_BYTES } from "../config/credentials.ts";
import { DEFAULT_STREAM } from "../protocol/stream.ts";
import { DEV_VARS_FILE, readDevVars } from "./dev-vars.ts";
import { usageError } from "./outcome.ts";
import { redisUrlOf } from "./redis/redis-url.ts";
import type { Terminal } from "./terminal.ts";

/** Where the service is and what opens it: from options, else the environment, else `.dev.vars` in this directory. */

export const DEFAULT_URL = "http://localhost:8000";

/** The options that every command has. */
export interface CommonOptions {
  url: string;
  key?: string;
  secret?: string;
  json?: boolean;
}

/** A setting and where it was found, so that an error can say which one to mend. */
export interface Setting {
  value: string;
  source: string;
}

type Surroundings = Pick<Terminal, "env" | "cwd">;

/** @throws {CommandError} when `--url` is no http(s) URL. */
export function serviceUrl({ url }: CommonOptions): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") {
    throw usageError(`--url must be an http:// or https:// address, such as ${DEFAULT_URL}.`);
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}

/** The publish key. @throws {CommandError} when there is none, with the ways to give it. */
export function publishKey(options: CommonOptions, surroundings: Surroundings): Setting {
  const devVars = readDevVars(surroundings.cwd);
  const found = firstSet(
    [options.key, "--key"],
    [surroundings.env.TIDINGS_KEY, "TIDINGS_KEY in the environment"],
    [firstKeyOf(surroundings.env.PUBLISH_KEYS), "PUBLISH_KEYS in the environment"],
    [firstKeyOf(devVars.PUBLISH_KEYS), `PUBLISH_KEYS in ${DEV_VARS_FILE}`],
  );
  if (found) return found;
  throw usageError(
    `No publish key. Give it with --key, or in TIDINGS_KEY or PUBLISH_KEYS (name:key) in the environment, or run this where \`npm run dev\` has written ${DEV_VARS_FILE}.`,
  );
}

/** The secret that signs tokens; of several the first one. @throws {CommandError} when there is none, or it is too short for any service. */
export function jwtSecret(options: CommonOptions, surroundings: Surroundings): Setting {
  const found = firstSet(
    [firstOf(options.secret), "--secret"],
    [firstOf(surroundings.env.JWT_SECRET), "JWT_SECRET in the environment"],
    [firstOf(readDevVars(surroundings.cwd).JWT_SECRET), `JWT_SECRET in ${DEV_VARS_FILE}`],
  );
  if (!found) {
    throw usageError(
      `No secret to sign tokens with. Give it with --secret, or in JWT_SECRET in the environment, or run this where \`npm run dev\` has written ${DEV_VARS_FILE}.`,
    );
  }
  if (new TextEncoder().encode(found.value).length < MIN_JWT_SECRET_BYTES) {
    throw usageError(`${found.source} is too short: a service takes secrets of ${MIN_JWT_SECRET_BYTES} bytes or more.`);
  }
  return found;
}

/** A Redis that speaks REST, as Upstash has it, or one that is reached as ever. */
export type RedisTarget = { kind: "upstash"; url: Setting; token: Setting } | { kind: "redis"; url: string };

/** Where events are written for the service to read. @throws {CommandError} when half of it is missing, or it is no address. */
export function redisTarget(surroundings: Surroundings): RedisTarget {
  const url = setting("UPSTASH_REDIS_REST_URL", surroundings);
  const token = setting("UPSTASH_REDIS_REST_TOKEN", surroundings);
  if (!url && !token) return { kind: "redis", url: redisUrlOf(surroundings) };
  if (!url || !token) {
    const [here, missing] = url ? [url, "UPSTASH_REDIS_REST_TOKEN"] : [token, "UPSTASH_REDIS_REST_URL"];
    throw usageError(`${missing} is missing: there is ${here?.source}, and the two go together.`);
  }
  if (/^https?:$/.test(URL.parse(url.value)?.protocol ?? "")) return { kind: "upstash", url, token };
  throw usageError(`${url.source} must be an https:// address, as Upstash's console shows it.`);
}

/** The stream that the service reads, by its name in Redis. */
export function redisStream(surroundings: Surroundings): string {
  return setting("REDIS_STREAM", surroundings)?.value ?? DEFAULT_STREAM;
}

function setting(name: string, { env, cwd }: Surroundings): Setting | null {
  return firstSet([env[name], `${name} in the environment`], [readDevVars(cwd)[name], `${name} in ${DEV_VARS_FILE}`]);
}

function firstSet(...candidates: [value: string | undefined, source: string][]): Setting | null {
  for (const [text, source] of candidates) {
    const value = text?.trim();
    if (value) return { value, source };
  }
  return null;
}

/** `PUBLISH_KEYS` is `name:key` or `name:key:scopes`, separated by commas; best is the first one that may do everything. */
function firstKeyOf(publishKeys: string | undefined): string | undefined {
  const entries = list(publishKeys ?? "").map((entry) => entry.split(":"));
  const entry = entries.find(([, , scopes]) => scopes === undefined) ?? entries[0];
  return entry?.[1] ?? entry?.[0];
}

const firstOf = (secrets: string | undefined) => list(secrets ?? "")[0];
