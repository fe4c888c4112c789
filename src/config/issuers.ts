import * as z from "zod";
import { HMAC_ALGORITHMS, isAsymmetric, isHmac } from "./credentials.ts";
import { listOf } from "./lists.ts";
import type { SettingsRule } from "./settings-rule.ts";

/** The issuers of tokens, and the keys that verify them. */

export interface Issuer {
  /** The required `iss`; null accepts any. */
  name: string | null;
  /** Null when only `JWT_SECRET` verifies its tokens. */
  keySource: KeySource | null;
  /** Whether `JWT_SECRET` verifies its tokens, as far as `JWT_ALGORITHMS` allows. */
  usesSecret: boolean;
  /** Precedes its users' ids, so that equal ids of two issuers are two users; empty with a single issuer. */
  idPrefix: string;
}

/** Where a key set is: at this URL, or where the issuer at this URL publishes it (OpenID Connect Discovery). */
export interface KeySource {
  kind: "jwks" | "issuer";
  url: string;
}

/** Separates issuer and id. Issuers cannot contain it (OpenID Connect Discovery, section 2), so ids never collide. */
const ID_SEPARATOR = "#";

const isHttps = (issuer: string) => issuer.startsWith("https://");

/** An https issuer has no query, fragment or credentials (OpenID Connect Discovery, section 2). */
const issuer = z.string().refine((text) => {
  const url = URL.parse(text);
  const isPlain = url !== null && !text.includes("?") && !url.username && !url.password;
  return !text.includes(ID_SEPARATOR) && (!isHttps(text) || isPlain);
}, "must be issuers exactly as in `iss`, separated by commas; https URLs without query, fragment and credentials");
export const issuers = listOf(issuer).transform((names) => [...new Set(names)]);

interface IssuerSettings {
  JWT_ISSUER: string[];
  JWKS_URL: string[];
  JWT_ALGORITHMS: string[];
}

/**
 * Pairs each issuer with the keys that verify its tokens. With several issuers, each has separate keys: an https issuer
 * has a key set, and at most one other issuer has `JWT_SECRET`.
 */
export function toIssuers(settings: IssuerSettings): Issuer[] {
  const { JWT_ISSUER, JWKS_URL } = settings;
  const [name = null] = JWT_ISSUER;
  if (!areSeveral(settings)) {
    return [{ name, keySource: keySourceOf(name, JWKS_URL[0], settings), usesSecret: true, idPrefix: "" }];
  }
  const urls = JWKS_URL.values();
  return JWT_ISSUER.map((name) => ({
    name,
    keySource: isHttps(name) ? keySourceOf(name, urls.next().value, settings) : null,
    usesSecret: !isHttps(name),
    idPrefix: `${name}${ID_SEPARATOR}`,
  }));
}

function keySourceOf(
  issuer: string | null,
  jwksUrl: string | undefined,
  { JWT_ALGORITHMS }: IssuerSettings,
): KeySource | null {
  if (jwksUrl !== undefined) return { kind: "jwks", url: jwksUrl };
  return issuer !== null && isHttps(issuer) && !JWT_ALGORITHMS.every(isHmac) ? { kind: "issuer", url: issuer } : null;
}

const areSeveral = ({ JWT_ISSUER }: IssuerSettings) => JWT_ISSUER.length > 1;
const httpsIssuers = ({ JWT_ISSUER }: IssuerSettings) => JWT_ISSUER.filter(isHttps).length;
const otherIssuers = (settings: IssuerSettings) => settings.JWT_ISSUER.length - httpsIssuers(settings);
const needKeySets = (settings: IssuerSettings) =>
  settings.JWKS_URL.length > 0 || (areSeveral(settings) && httpsIssuers(settings) > 0);
const needNoSecret = (settings: IssuerSettings) => areSeveral(settings) && otherIssuers(settings) === 0;

/** Reject settings that leave open which keys verify an issuer's tokens. */
export const ISSUER_RULES: SettingsRule<IssuerSettings>[] = [
  {
    setting: "JWT_ALGORITHMS",
    message: `must be one or more of ${HMAC_ALGORITHMS.join(", ")} while neither JWKS_URL nor an https URL in JWT_ISSUER is set: the others need public keys`,
    example: "HS256",
    isKept: (settings) =>
      settings.JWKS_URL.length > 0 || httpsIssuers(settings) > 0 || settings.JWT_ALGORITHMS.every(isHmac),
  },
  {
    setting: "JWT_ALGORITHMS",
    message: "must include the algorithms of the key sets, such as RS256",
    isKept: (settings) => (needKeySets(settings) ? !settings.JWT_ALGORITHMS.every(isHmac) : true),
  },
  {
    setting: "JWT_ALGORITHMS",
    message: `must not include ${HMAC_ALGORITHMS.join(", ")} when every issuer in JWT_ISSUER has a key set: JWT_SECRET would verify the tokens of all`,
    isKept: (settings) => (needNoSecret(settings) ? settings.JWT_ALGORITHMS.every(isAsymmetric) : true),
  },
  {
    setting: "JWT_ISSUER",
    message:
      "must be https URLs with a key set each; one other issuer is possible if JWT_ALGORITHMS includes an HS algorithm, so that JWT_SECRET verifies its tokens",
    example: "https://login.shop.example,https://staff.shop.example",
    isKept(settings) {
      const maxOthers = settings.JWT_ALGORITHMS.some(isHmac) ? 1 : 0;
      return areSeveral(settings) ? otherIssuers(settings) <= maxOthers : true;
    },
  },
  {
    setting: "JWKS_URL",
    message:
      "must be one URL for each https issuer in JWT_ISSUER, in the same order, or empty: they are then found by discovery",
    isKept: (settings) => [0, areSeveral(settings) ? httpsIssuers(settings) : 1].includes(settings.JWKS_URL.length),
  },
];
