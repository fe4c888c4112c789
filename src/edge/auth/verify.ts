import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import type { Identity } from "../../channels/contract.ts";
import type { Config } from "../../config/config.ts";
import { isHmac } from "../../config/credentials.ts";
import { MAX_USER_ID_LENGTH } from "../../protocol/names.ts";
import { findPublicKey } from "./jwks.ts";
import { perConfig } from "./per-config.ts";
import { isTicket, isTicketType, verifyTicket } from "./ticket.ts";

/** The token's bearer, or why the token was refused. */
export type Verified = { ok: true; identity: Identity } | { ok: false; reason: TokenReason };

/** Why a token was refused, in detail: for the log and the metrics. Clients receive `refusalOf(reason)`. */
export type TokenReason =
  | "missing"
  | "too_long"
  | "malformed"
  | "algorithm"
  /** The key set has no key that matches the token. */
  | "unknown_key"
  /** The cached key set has no matching key, and may not be fetched again yet. */
  | "key_not_known_yet"
  /** The key set cannot be fetched now, so the token may be valid. */
  | "keys_unavailable"
  | "signature"
  | "expired"
  | "not_yet_valid"
  | "claim";

/** Longer tokens are refused before they are parsed. */
const MAX_TOKEN_LENGTH = 8192;
/** Alarms cannot be set beyond 2189, and an `exp` in milliseconds by mistake means a year beyond 50000. */
const LATEST_EXPIRY_MS = Date.UTC(2100);
/** Header, payload and signature (RFC 7515, section 3.1), without the characters that lenient decoders skip. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Thrown inside a verification; `verifyToken` turns it into a result. */
class TokenRejected extends Error {
  readonly reason: TokenReason;
  constructor(reason: TokenReason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Verifies a user's token or a ticket.
 *
 * A user's token needs an allowed algorithm, a valid signature, `exp`, `sub`, a past `nbf` if any, and the configured
 * issuer and audience (RFC 7519; RFC 8725 for the algorithm list). There is no clock tolerance. With several secrets,
 * each is tried in turn.
 */
export async function verifyToken(token: string | null, config: Config, now = new Date()): Promise<Verified> {
  if (!token) return { ok: false, reason: "missing" };
  if (token.length > MAX_TOKEN_LENGTH) return { ok: false, reason: "too_long" };
  if (!COMPACT_JWS.test(token)) return { ok: false, reason: "malformed" };
  const verify = isTicket(token) ? verifyGuest : verifyUser;
  let reason: TokenReason = "signature";
  // Only a wrong signature is worth another attempt with the next secret.
  for (let index = 0; reason === "signature" && index < Math.max(config.jwt.secrets.length, 1); index++) {
    try {
      return { ok: true, identity: await verify(token, config, index, now) };
    } catch (error) {
      reason = reasonOf(error);
    }
  }
  return { ok: false, reason };
}

async function verifyGuest(token: string, config: Config, secretIndex: number, now: Date): Promise<Identity> {
  if (config.jwt.secrets.length === 0) throw new TokenRejected("unknown_key");
  const { generation, ...grant } = await verifyTicket(token, config, secretIndex, now);
  return { ...grant, ticketGeneration: generation, isAdmin: false };
}

async function verifyUser(token: string, config: Config, secretIndex: number, now: Date): Promise<Identity> {
  const { payload } = await jwtVerify(token, (header) => keyFor(header, config, secretIndex), {
    algorithms: config.jwt.algorithms,
    requiredClaims: ["exp", "sub"],
    currentDate: now,
    ...(config.jwt.issuer !== null && { issuer: config.jwt.issuer }),
    ...(config.jwt.audience !== null && { audience: config.jwt.audience }),
  });
  return identityOf(payload, config);
}

function identityOf(payload: JWTPayload, config: Config): Identity {
  const { sub, exp } = payload;
  // jose has checked that both are present, but not the type and length of `sub`.
  if (typeof sub !== "string" || sub === "" || sub.length > MAX_USER_ID_LENGTH || exp === undefined) {
    throw new TokenRejected("claim");
  }
  const roles = [payload[config.roleClaim]].flat();
  const isAdmin = roles.some((role) => typeof role === "string" && config.adminRoles.has(role));
  return {
    subject: sub,
    isAdmin,
    expiresAt: Math.min(exp * 1000, LATEST_EXPIRY_MS),
    orderId: null,
    ticketGeneration: null,
  };
}

/**
 * Returns the key for a token whose algorithm is allowed. The algorithm alone decides between the secrets and the key
 * set, so a public key is never used as an HMAC secret, whatever the rest of the header says (RFC 8725, section 2.1).
 */
async function keyFor({ alg, kid, typ }: JWTHeaderParameters, config: Config, secretIndex: number): Promise<CryptoKey> {
  if (isTicketType(typ)) throw new TokenRejected("claim");
  if (isHmac(alg)) {
    const key = (await hmacKeys(config)).get(alg)?.[secretIndex];
    if (!key) throw new TokenRejected("unknown_key");
    return key;
  }
  // The first attempt has already tried the only public key.
  if (secretIndex > 0) throw new TokenRejected("signature");
  if (config.jwt.jwksUrl === null) throw new TokenRejected("unknown_key");
  const found = await findPublicKey(config.jwt.jwksUrl, config.jwt.algorithms, { alg, kid });
  if (found.ok) return found.key;
  throw new TokenRejected(found.reason);
}

/** The secrets as keys, by algorithm. Importing a key costs as much as a verification, so it happens once. */
const hmacKeys = perConfig(async ({ jwt: { algorithms, secrets } }) => {
  const keys = new Map<string, CryptoKey[]>();
  for (const name of algorithms.filter(isHmac)) {
    const algorithm = { name: "HMAC", hash: `SHA-${name.slice("HS".length)}` };
    const imported = secrets.map((secret) => crypto.subtle.importKey("raw", secret, algorithm, false, ["verify"]));
    keys.set(name, await Promise.all(imported));
  }
  return keys;
});

function reasonOf(error: unknown): TokenReason {
  if (error instanceof TokenRejected) return error.reason;
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim === "nbf" ? "not_yet_valid" : "claim";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  return "malformed";
}

/** Returns the public refusal for a reason. Clients learn no more than: missing, expired, invalid, or unavailable. */
export function refusalOf(reason: TokenReason) {
  switch (reason) {
    case "missing":
      return "unauthenticated";
    case "expired":
      return "token_expired";
    case "key_not_known_yet":
    case "keys_unavailable":
      return "unavailable";
    case "too_long":
    case "malformed":
    case "algorithm":
    case "unknown_key":
    case "signature":
    case "not_yet_valid":
    case "claim":
      return "token_invalid";
  }
}
