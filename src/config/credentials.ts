import * as z from "zod";

/** The settings that say who may do what, each read from its text. */

/** What a publish key may be good for. */
export const SCOPES = {
  orders: "publish to orders, register and delete them, make tickets, disconnect their listeners",
  products: "publish to products, disconnect their listeners",
  read: "read any order's snapshot, order ids on the health page, and metrics",
} as const;
export type Scope = keyof typeof SCOPES;

export interface PublishKey {
  name: string;
  key: string;
  scopes: ReadonlySet<Scope>;
}

/** Verified with `JWT_SECRET`. */
export const HMAC_ALGORITHMS = ["HS256", "HS384", "HS512"] as const;
/** Verified with the public keys at `JWKS_URL`. */
const ASYMMETRIC_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
] as const;
const JWT_ALGORITHMS = [...HMAC_ALGORITHMS, ...ASYMMETRIC_ALGORITHMS];

export const MIN_JWT_SECRET_BYTES = 32;
export const MIN_PUBLISH_KEY_LENGTH = 32;

/** What a reader returns: the value, or text that starts with "must" and says what is wrong. */
type Read<T> = { value: T } | string;

/** A comma-separated list, without blanks around its items. */
export const list = (text: string) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

export const isHmac = (algorithm: string) => (HMAC_ALGORITHMS as readonly string[]).includes(algorithm);

/** `JWT_ALGORITHMS`; each of them needs something to verify with. */
export function readAlgorithms(text: string, hasJwksUrl: boolean): Read<string[]> {
  const value = z.array(z.enum(JWT_ALGORITHMS)).min(1).safeParse(list(text)).data;
  if (!value) return `must be some of ${JWT_ALGORITHMS.join(", ")}, separated by commas`;
  if (!hasJwksUrl && !value.every(isHmac)) {
    return `must be some of ${HMAC_ALGORITHMS.join(", ")} while JWKS_URL is not set: the others need its public keys`;
  }
  if (hasJwksUrl && value.every(isHmac)) return "must name the algorithms of the keys at JWKS_URL, such as RS256";
  return { value };
}

/** `JWT_SECRET`: one secret, or several while they are rotated, the one that signs first. */
export function readSecrets(text: string, isNeeded: boolean): Read<Uint8Array<ArrayBuffer>[]> {
  const value = list(text).map((secret) => Uint8Array.from(new TextEncoder().encode(secret)));
  if (isNeeded && value.length === 0) return "must be set: it verifies the tokens of listeners";
  if (value.every(({ length }) => length >= MIN_JWT_SECRET_BYTES)) return { value };
  return value.length === 1
    ? `must be at least ${MIN_JWT_SECRET_BYTES} bytes long`
    : `must be secrets of at least ${MIN_JWT_SECRET_BYTES} bytes each, separated by commas`;
}

/** `JWKS_URL`: what is read from it decides who is let in, so nobody may be able to change it on its way. */
export function readJwksUrl(text: string): Read<string | null> {
  if (text === "") return { value: null };
  const url = URL.parse(text);
  const isHere = url !== null && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isHere);
  return isSafe && !url.username && !url.password && !url.hash
    ? { value: url.href }
    : "must be an https URL without credentials; http is for localhost";
}

/** `PUBLISH_KEYS`: `name:key` or `name:key:scope+scope`, separated by commas. */
export function readPublishKeys(text: string): Read<PublishKey[]> {
  const entries = list(text).map((entry) => entry.split(":").map((part) => part.trim()));
  if (entries.length === 0) return "must be set: name:key,name:key for the services that publish";
  const names = entries.map(([name = ""]) => name);
  if (entries.some(({ length }) => length < 2) || names.some((name) => !/^[\w-]{1,64}$/.test(name))) {
    return "must be name:key,name:key with names of letters, digits, - and _";
  }
  if (entries.some(([, key = ""]) => key.length < MIN_PUBLISH_KEY_LENGTH || !/^[\x21-\x7e]+$/.test(key))) {
    return `must have keys of at least ${MIN_PUBLISH_KEY_LENGTH} visible ASCII characters`;
  }
  if (new Set(names).size < names.length) return "must not use a name twice";
  if (new Set(entries.map(([, key]) => key)).size < names.length) return "must not use a key twice";
  const keys: PublishKey[] = [];
  for (const [name = "", key = "", scopes, ...more] of entries) {
    const read = scopes === undefined ? { value: ALL_SCOPES } : readScopes(scopes);
    // What a key itself holds is in no message.
    if (read === null || more.length > 0) {
      return `must name scopes as name:key:scope+scope, of ${[...ALL_SCOPES].join(", ")}; a key holds no : and no comma`;
    }
    keys.push({ name, key, scopes: read.value });
  }
  return { value: keys };
}

const ALL_SCOPES: ReadonlySet<Scope> = new Set(Object.keys(SCOPES) as Scope[]);

function readScopes(text: string): { value: ReadonlySet<Scope> } | null {
  const isScope = (name: string): name is Scope => Object.hasOwn(SCOPES, name);
  const names = text.split("+");
  return names.every(isScope) ? { value: new Set(names) } : null;
}
