import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import type { Identity } from "../../channels/contract.ts";
import type { Config } from "../../config/config.ts";
import { isHmac } from "../../config/credentials.ts";
import { MAX_TOKEN_LENGTH } from "../../protocol/frames.ts";
import { logRolesMissing } from "../../telemetry/log.ts";
import { Refusal } from "../errors.ts";
import { rolesAt, userIdAt } from "./claims.ts";
import { findPublicKey } from "./jwks.ts";
import { perConfig } from "./per-config.ts";
import { isTicket, isTicketType, verifyTicket } from "./ticket.ts";

/** The token's bearer, or why the token was refused. */
export type Verified = { ok: true; identity: Identity } | RefusedToken;

export interface RefusedToken {
  ok: false;
  reason: TokenReason;
  /** For `claim`: the claim that is missing or wrong, for the log. */
  claim?: string;
  /** For `valid_soon`: how long until the token is valid. */
  retryAfterSeconds?: number;
}

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
  /** Its `nbf` is at most `MAX_NBF_AHEAD_SECONDS` ahead: the issuer's clock is. */
  | "valid_soon"
  | "not_yet_valid"
  | "claim";

/** A token whose `nbf` is no further ahead becomes valid by waiting, so refusing it is never final. */
export const MAX_NBF_AHEAD_SECONDS = 60;
/** Alarms cannot be set beyond 2189, and an `exp` in milliseconds by mistake means a year beyond 50000. */
const LATEST_EXPIRY_MS = Date.UTC(2100);
/** Header, payload and signature (RFC 7515, section 3.1), without the characters that lenient decoders skip. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Thrown inside a verification; `verifyToken` turns it into a result. */
class TokenRejected extends Error {
  readonly refused: RefusedToken;
  constructor(reason: TokenReason, claim?: string) {
    super(reason);
    this.refused = { ok: false, reason, ...(claim !== undefined && { claim }) };
  }
}

/**
 * Verifies a user's token or a ticket.
 *
 * A user's token needs an allowed algorithm, a valid signature, `exp`, the user's id, a past `nbf` if any, and the
 * configured issuer and audience (RFC 7519; RFC 8725 for the algorithm list). There is no clock tolerance: `exp` has no leeway,
 * and `iat` may lie in the future. With several secrets, each is tried in turn.
 * @param requestId The request that the token belongs to, for the log.
 */
export async function verifyToken(
  token: string | null,
  config: Config,
  requestId: string,
  now = new Date(),
): Promise<Verified> {
  if (!token) return { ok: false, reason: "missing" };
  if (token.length > MAX_TOKEN_LENGTH) return { ok: false, reason: "too_long" };
  if (!COMPACT_JWS.test(token)) return { ok: false, reason: "malformed" };
  const verify = isTicket(token) ? verifyGuest : verifyUser;
  let refused: RefusedToken = { ok: false, reason: "signature" };
  // Only a wrong signature is worth another attempt with the next secret.
  for (let index = 0; refused.reason === "signature" && index < Math.max(config.jwt.secrets.length, 1); index++) {
    try {
      return { ok: true, identity: await verify(token, { config, secretIndex: index, now, requestId }) };
    } catch (error) {
      refused = refusedBy(error, now);
    }
  }
  return refused;
}

/** One attempt to verify a token. */
interface Attempt {
  config: Config;
  secretIndex: number;
  now: Date;
  requestId: string;
}

async function verifyGuest(token: string, { config, secretIndex, now }: Attempt): Promise<Identity> {
  if (config.jwt.secrets.length === 0) throw new TokenRejected("unknown_key");
  const { generation, ...grant } = await verifyTicket(token, config, secretIndex, now);
  return { ...grant, ticketGeneration: generation, isAdmin: false };
}

async function verifyUser(token: string, attempt: Attempt): Promise<Identity> {
  const { config, now } = attempt;
  const { payload } = await jwtVerify(token, (header) => keyFor(header, attempt), {
    algorithms: config.jwt.algorithms,
    requiredClaims: ["exp"],
    currentDate: now,
    ...(config.jwt.issuer !== null && { issuer: config.jwt.issuer }),
    ...(config.jwt.audience !== null && { audience: config.jwt.audience }),
  });
  return identityOf(payload, config);
}

/** Configurations whose first token has shown whether tokens have roles. */
const rolesAreKnown = new WeakSet<Config>();

function identityOf(payload: JWTPayload, config: Config): Identity {
  const { roleClaim, userIdClaim, adminRoles } = config;
  const subject = userIdAt(payload, userIdClaim);
  if (subject === null) throw new TokenRejected("claim", userIdClaim);
  // jose has checked that it is present.
  const { exp = 0 } = payload;
  const roles = rolesAt(payload, roleClaim);
  // A customer's token may well have no roles, but a misspelt path finds none in any token.
  if (roles === null && !rolesAreKnown.has(config)) logRolesMissing({ claim: roleClaim });
  rolesAreKnown.add(config);
  return {
    subject,
    isAdmin: roles?.some((role) => adminRoles.has(role)) ?? false,
    expiresAt: Math.min(exp * 1000, LATEST_EXPIRY_MS),
    orderId: null,
    ticketGeneration: null,
  };
}

/**
 * Returns the key for a token whose algorithm is allowed. The algorithm alone decides between the secrets and the key
 * set, so a public key is never used as an HMAC secret, whatever the rest of the header says (RFC 8725, section 2.1).
 */
async function keyFor(
  { alg, kid, typ }: JWTHeaderParameters,
  { config, secretIndex, requestId }: Attempt,
): Promise<CryptoKey> {
  if (isTicketType(typ)) throw new TokenRejected("claim", "typ");
  if (isHmac(alg)) {
    const key = (await hmacKeys(config)).get(alg)?.[secretIndex];
    if (!key) throw new TokenRejected("unknown_key");
    return key;
  }
  // The first attempt has already tried the only public key.
  if (secretIndex > 0) throw new TokenRejected("signature");
  if (config.jwt.jwksUrl === null) throw new TokenRejected("unknown_key");
  const found = await findPublicKey(config.jwt.jwksUrl, config.jwt.algorithms, { alg, kid }, requestId);
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

function refusedBy(error: unknown, now: Date): RefusedToken {
  if (error instanceof TokenRejected) return error.refused;
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason, payload } = error;
    if (claim === "nbf" && reason === "check_failed") return notYetValid(payload, now);
    return { ok: false, reason: "claim", claim };
  }
  return { ok: false, reason: reasonOf(error) };
}

/** A token becomes valid by waiting if its `nbf` is close and its `exp` is later. */
function notYetValid({ nbf = 0, exp = 0 }: JWTPayload, now: Date): RefusedToken {
  const secondsAhead = nbf - Math.floor(now.getTime() / 1000);
  if (secondsAhead > MAX_NBF_AHEAD_SECONDS || exp <= nbf) return { ok: false, reason: "not_yet_valid" };
  return { ok: false, reason: "valid_soon", retryAfterSeconds: Math.ceil(secondsAhead) };
}

function reasonOf(error: unknown): TokenReason {
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  return "malformed";
}

/** Returns the public refusal for a reason. Clients learn no more than: missing, expired, too long, invalid, or unavailable. */
export function refusalOf(reason: TokenReason) {
  switch (reason) {
    case "missing":
      return "unauthenticated";
    case "expired":
      return "token_expired";
    case "too_long":
      return "token_too_long";
    case "key_not_known_yet":
    case "keys_unavailable":
    case "valid_soon":
      return "unavailable";
    case "malformed":
    case "algorithm":
    case "unknown_key":
    case "signature":
    case "not_yet_valid":
    case "claim":
      return "token_invalid";
  }
}

/** Returns the HTTP refusal of a token. */
export function tokenRefusal(refused: RefusedToken): Refusal {
  const { reason, retryAfterSeconds } = refused;
  const headers = retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) };
  return new Refusal(refusalOf(reason), { credential: refused, headers });
}
