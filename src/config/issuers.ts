import * as z from "zod";
import { HMAC_ALGORITHMS, isAsymmetric, isHmac, listOf } from "./credentials.ts";

/** Whose tokens are accepted, and what verifies them. */

export interface Issuer {
  /** The required `iss`; null accepts any. */
  name: string | null;
  /** Where its key set is; null when only `JWT_SECRET` verifies its tokens. */
  jwksUrl: string | null;
  /** Whether `JWT_SECRET` verifies its tokens. */
  usesSecret: boolean;
  /** Precedes its users' ids, so that the same id of two issuers means two users; empty with a single issuer. */
  idPrefix: string;
}

/** Follows the issuer in a user's id. Issuers contain none (OpenID Connect Discovery, section 2), so no prefix begins another. */
const ID_SEPARATOR = "#";

const isHttps = (issuer: string) => issuer.startsWith("https://");

const issuer = z
  .string()
  .refine((text) => !text.includes(ID_SEPARATOR), "must be issuers as in `iss`, separated by commas, without #");
export const issuers = listOf(issuer).transform((names) => [...new Set(names)]);

interface IssuerSettings {
  JWT_ISSUER: string[];
  JWKS_URL: string[];
  JWT_ALGORITHMS: string[];
}

/**
 * Pairs each issuer with what verifies its tokens. Of several issuers, each has keys of its own: an https issuer has a
 * key set, and any other, of which there is one at most, has `JWT_SECRET`.
 */
export function toIssuers({ JWT_ISSUER, JWKS_URL }: IssuerSettings): Issuer[] {
  const [name = null] = JWT_ISSUER;
  if (JWT_ISSUER.length <= 1) return [{ name, jwksUrl: JWKS_URL[0] ?? null, usesSecret: true, idPrefix: "" }];
  const urls = JWKS_URL.values();
  return JWT_ISSUER.map((name) => ({
    name,
    jwksUrl: isHttps(name) ? (urls.next().value ?? null) : null,
    usesSecret: !isHttps(name),
    idPrefix: `${name}${ID_SEPARATOR}`,
  }));
}

/** A rule that spans several settings. */
export interface SettingsRule<T> {
  /** The setting to blame. */
  setting: keyof T;
  message: string;
  /** A valid value to suggest instead of the setting's usual example. */
  example?: string;
  isKept: (settings: T) => boolean;
}

const areSeveral = ({ JWT_ISSUER }: IssuerSettings) => JWT_ISSUER.length > 1;
const withKeySet = ({ JWT_ISSUER }: IssuerSettings) => JWT_ISSUER.filter(isHttps).length;
const withSecret = ({ JWT_ISSUER }: IssuerSettings) => JWT_ISSUER.length - JWT_ISSUER.filter(isHttps).length;

/** Refuses what leaves open which keys verify an issuer's tokens. */
export const ISSUER_RULES: SettingsRule<IssuerSettings>[] = [
  {
    setting: "JWT_ALGORITHMS",
    message: `must be one or more of ${HMAC_ALGORITHMS.join(", ")} while JWKS_URL is not set: the others need its public keys`,
    example: "HS256",
    isKept: ({ JWT_ALGORITHMS, JWKS_URL }) => JWKS_URL.length > 0 || JWT_ALGORITHMS.every(isHmac),
  },
  {
    setting: "JWT_ALGORITHMS",
    message: "must include the algorithms of the keys at JWKS_URL, such as RS256",
    isKept: (settings) =>
      !settings.JWT_ALGORITHMS.every(isHmac) ||
      (settings.JWKS_URL.length === 0 && !(areSeveral(settings) && withKeySet(settings) > 0)),
  },
  {
    setting: "JWT_ALGORITHMS",
    message: `must not include ${HMAC_ALGORITHMS.join(", ")} when every issuer in JWT_ISSUER has a key set: JWT_SECRET would verify the tokens of all`,
    isKept: (settings) =>
      !areSeveral(settings) || withSecret(settings) > 0 || settings.JWT_ALGORITHMS.every(isAsymmetric),
  },
  {
    setting: "JWT_ISSUER",
    message: "must be https URLs with a key set each, except for one whose tokens JWT_SECRET verifies",
    example: "https://login.shop.example,https://staff.shop.example",
    isKept: (settings) =>
      !areSeveral(settings) || withSecret(settings) <= (settings.JWT_ALGORITHMS.some(isHmac) ? 1 : 0),
  },
  {
    setting: "JWKS_URL",
    message: "must be one URL for each https issuer in JWT_ISSUER, in the same order",
    isKept: (settings) =>
      settings.JWKS_URL.length === (areSeveral(settings) ? withKeySet(settings) : 1) || settings.JWKS_URL.length === 0,
  },
];
