import { errors, jwtVerify } from "jose";
import type { Config } from "../../config.ts";
import type { HttpRefusal } from "../../protocol/refusals.ts";

/** Who a token speaks for. */
export interface Identity {
  /** The token's `sub`. */
  subject: string;
  isAdmin: boolean;
  /** When the token ends, in milliseconds since 1970. */
  expiresAt: number;
}

export type Verified = { ok: true; identity: Identity } | { ok: false; fault: TokenFault };

/** What is wrong with a token: for logs and tests. `publicReason` tells the world less. */
export type TokenFault =
  | "missing"
  | "too_long"
  | "malformed"
  | "algorithm"
  | "signature"
  | "expired"
  | "not_yet_valid"
  | "claim";

/** Longer tokens are refused before anything parses them. */
export const MAX_TOKEN_LENGTH = 8192;
/** No alarm can be set beyond the year 2189; a token whose `exp` counts milliseconds says the year 58000. */
const LATEST_EXPIRY_MS = Date.UTC(2100);
/** A subject is kept with its socket, where there is little room. */
export const MAX_SUBJECT_LENGTH = 256;

/**
 * Verifies a token: signature by an algorithm of the list, `exp` and `sub` present, `nbf`, and issuer and audience when
 * they are configured (RFC 7519; RFC 8725 for the algorithm list). No clock tolerance: a token ends when it says so.
 */
export async function verifyToken(token: string | null, config: Config, now = new Date()): Promise<Verified> {
  if (!token) return { ok: false, fault: "missing" };
  if (token.length > MAX_TOKEN_LENGTH) return { ok: false, fault: "too_long" };
  try {
    const { payload } = await jwtVerify(token, ({ alg }) => hmacKey(config, alg), {
      algorithms: config.jwt.algorithms,
      requiredClaims: ["exp", "sub"],
      currentDate: now,
      ...(config.jwt.issuer !== null && { issuer: config.jwt.issuer }),
      ...(config.jwt.audience !== null && { audience: config.jwt.audience }),
    });
    const { sub, exp } = payload;
    // jose checks that they are there; what they are is checked here.
    if (typeof sub !== "string" || sub === "" || sub.length > MAX_SUBJECT_LENGTH || exp === undefined) {
      return { ok: false, fault: "claim" };
    }
    const roles = [payload[config.roleClaim]].flat();
    const isAdmin = roles.some((role) => typeof role === "string" && config.adminRoles.has(role));
    return { ok: true, identity: { subject: sub, isAdmin, expiresAt: Math.min(exp * 1000, LATEST_EXPIRY_MS) } };
  } catch (error) {
    return { ok: false, fault: faultOf(error) };
  }
}

const hmacKeys = new WeakMap<Config, Map<string, CryptoKey>>();

/** The configured secret as a key for one algorithm, made once: importing it anew costs as much as verifying with it. */
async function hmacKey(config: Config, algorithm: string): Promise<CryptoKey> {
  const keys = hmacKeys.get(config) ?? new Map<string, CryptoKey>();
  hmacKeys.set(config, keys);
  let key = keys.get(algorithm);
  if (!key) {
    const hash = `SHA-${algorithm.slice("HS".length)}`;
    key = await crypto.subtle.importKey("raw", config.jwt.secret, { name: "HMAC", hash }, false, ["verify"]);
    keys.set(algorithm, key);
  }
  return key;
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim === "nbf" ? "not_yet_valid" : "claim";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  return "malformed";
}

/** The public reason: whether the token is missing, ended or bad, and no more. */
export function publicReason(fault: TokenFault): HttpRefusal & ("unauthenticated" | "token_expired" | "token_invalid") {
  switch (fault) {
    case "missing":
      return "unauthenticated";
    case "expired":
      return "token_expired";
    case "too_long":
    case "malformed":
    case "algorithm":
    case "signature":
    case "not_yet_valid":
    case "claim":
      return "token_invalid";
  }
}
