import * as z from "zod";
import { listOf } from "./lists.ts";

/** Schemas of the settings that control access; each parses the setting's text. */

/** The scopes of publish keys. */
const SCOPES = [
  /** Publish to orders, register and delete them, issue tickets, disconnect their listeners. */
  "orders",
  /** Publish to products, disconnect their listeners. */
  "products",
  /** Read any order's snapshot, order ids on the health page, and metrics. */
  "read",
] as const;
export type Scope = (typeof SCOPES)[number];

/** A service's publish key. */
export interface PublishKey {
  /** Identifies the service in logs and metrics. */
  name: string;
  key: string;
  scopes: ReadonlySet<Scope>;
}

/** Algorithms verified with `JWT_SECRET`. */
export const HMAC_ALGORITHMS = ["HS256", "HS384", "HS512"] as const;
/** Algorithms verified with the public keys at `JWKS_URL`. */
const ASYMMETRIC_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
const JWT_ALGORITHMS = [...HMAC_ALGORITHMS, ...ASYMMETRIC_ALGORITHMS];

export const isHmac = (algorithm: string) => (HMAC_ALGORITHMS as readonly string[]).includes(algorithm);
export const isAsymmetric = (algorithm: string) => ASYMMETRIC_ALGORITHMS.includes(algorithm);

export const MIN_JWT_SECRET_BYTES = 32;
const MIN_PUBLISH_KEY_LENGTH = 32;
/** The characters of a credential. Of any other, the error about an invalid header would print the header. */
export const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

const algorithmMessage = `must be one or more of ${JWT_ALGORITHMS.join(", ")}, separated by commas`;
export const algorithms = listOf(z.enum(JWT_ALGORITHMS, algorithmMessage));

/** One secret, or several during a rotation. The first one signs tickets. */
export const secrets = listOf(
  z
    .string()
    // Copied for its type: `encode` is declared to return an array whose memory may be shared.
    .transform((secret) => Uint8Array.from(new TextEncoder().encode(secret)))
    .refine(
      ({ length }) => length >= MIN_JWT_SECRET_BYTES,
      `must be at least ${MIN_JWT_SECRET_BYTES} bytes long; in a comma-separated list, each secret`,
    ),
);

/** The keys behind this URL decide which tokens are valid, so the connection must be safe from tampering. */
export const jwksUrl = z
  .string()
  .refine((text) => {
    const url = URL.parse(text);
    const isLocal = url !== null && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLocal);
    return isSafe && !url.username && !url.password && !url.hash;
  }, "must be an https URL without credentials or fragment; http is allowed for localhost")
  .transform((text) => new URL(text).href);

const scopes = z
  .string()
  .transform((text) => text.split("+"))
  .pipe(z.array(z.enum(SCOPES, `must list scopes as name:key:scope+scope, of ${SCOPES.join(", ")}`)));

// Messages never contain a key.
const publishKeyMessage =
  "must be name:key or name:key:scope+scope, separated by commas; names consist of letters, digits, - and _, and keys contain no : or comma";
const publishKeyEntry = z
  .string()
  .transform((entry): unknown => entry.split(":").map((part) => part.trim()))
  .pipe(
    z.tuple(
      [
        z.string().regex(/^[\w-]{1,64}$/, publishKeyMessage),
        z
          .string()
          .refine(
            (key) => key.length >= MIN_PUBLISH_KEY_LENGTH && VISIBLE_ASCII.test(key),
            `must have keys of at least ${MIN_PUBLISH_KEY_LENGTH} visible ASCII characters`,
          ),
        scopes.exactOptional(),
      ],
      publishKeyMessage,
    ),
  )
  .transform(([name, key, scopes = SCOPES]): PublishKey => ({ name, key, scopes: new Set(scopes) }));

/** At least one key; names and keys are unique. A key without scopes has all of them. */
export const publishKeys = listOf(publishKeyEntry)
  .refine(({ length }) => length > 0, "must be set: name:key,name:key for the services that publish")
  .refine((keys) => areUnique(keys.map(({ name }) => name)), "must not use a name twice")
  .refine((keys) => areUnique(keys.map(({ key }) => key)), "must not use a key twice");

function areUnique(texts: string[]): boolean {
  return new Set(texts).size === texts.length;
}
