import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from "jose";
import type { Identity } from "../../channels/contract.ts";
import type { Config } from "../../config/config.ts";
import { isHmac } from "../../config/credentials.ts";
import type { Issuer } from "../../config/issuers.ts";
import { MAX_TOKEN_LENGTH } from "../../protocol/frames.ts";
import { MAX_USER_ID_LENGTH } from "../../protocol/names.ts";
import { logRolesMissing } from "../../telemetry/log.ts";
import { isAddressedTo, rolesAt, userIdAt } from "./claims.ts";
import { findPublicKeys } from "./jwks.ts";
import { perConfig } from "./per-config.ts";
import { isTicket, isTicketType, ticketKeys, verifyTicket } from "./ticket.ts";
import type { RefusedToken, TokenReason } from "./token-refusals.ts";

/** The token's bearer, or why the token was refused. */
export type Verified = { ok: true; identity: Identity } | RefusedToken;

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
 * configured issuer and audience (RFC 7519; RFC 8725 for the algorithm list). There is no clock tolerance: `exp` has no
 * leeway, and `iat` may lie in the future. With several keys that may have signed it, each is tried in turn.
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
  try {
    const identity = isTicket(token)
      ? await verifyGuest(token, config, now)
      : await verifyUser(token, config, now, requestId);
    return { ok: true, identity };
  } catch (error) {
    return refusedBy(error, now);
  }
}

async function verifyGuest(token: string, config: Config, now: Date): Promise<Identity> {
  const keys = await ticketKeys(config);
  const { generation, ...grant } = await withEachKey(keys, (key) => verifyTicket(token, key, now));
  return { ...grant, ticketGeneration: generation, isAdmin: false };
}

async function verifyUser(token: string, config: Config, now: Date, requestId: string): Promise<Identity> {
  const { algorithms, audiences } = config.jwt;
  const claims = decodeJwt(token);
  // Only selects one of the configured issuers: a token supplies neither keys nor their address.
  const issuer = config.jwt.issuers.find(({ name }) => name === null || name === claims.iss);
  if (!issuer) throw new TokenRejected("claim", "iss");
  if (!isAddressedTo(claims, audiences)) throw new TokenRejected("claim", "aud");
  const keys = await keysFor(decodeProtectedHeader(token), issuer, config, requestId);
  const options = { algorithms, requiredClaims: ["exp"], currentDate: now };
  const { payload } = await withEachKey(keys, (key) => jwtVerify(token, key, options));
  return identityOf(payload, issuer, config);
}

/** Only a wrong signature is worth another attempt with the next key. @throws The last attempt's error. */
async function withEachKey<T>(keys: readonly CryptoKey[], verify: (key: CryptoKey) => Promise<T>): Promise<T> {
  let failure: unknown = new TokenRejected("unknown_key");
  for (const key of keys) {
    try {
      return await verify(key);
    } catch (error) {
      failure = error;
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
    }
  }
  throw failure;
}

/** Configurations whose first token has shown whether tokens have roles. */
const rolesAreKnown = new WeakSet<Config>();

function identityOf(payload: JWTPayload, { idPrefix }: Issuer, config: Config): Identity {
  const { roleClaim, userIdClaim, adminRoles } = config;
  const userId = userIdAt(payload, userIdClaim);
  const subject = `${idPrefix}${userId}`;
  if (userId === null || subject.length > MAX_USER_ID_LENGTH) throw new TokenRejected("claim", userIdClaim);
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
 * Returns the keys that may have signed a token. The issuer and the algorithm alone decide between the secrets and the
 * key set, so a public key is never used as an HMAC secret, whatever the rest of the header says (RFC 8725, section 2.1).
 */
async function keysFor(
  { alg, kid, typ }: ProtectedHeaderParameters,
  issuer: Issuer,
  config: Config,
  requestId: string,
): Promise<readonly CryptoKey[]> {
  const { algorithms } = config.jwt;
  if (typeof alg !== "string" || !algorithms.includes(alg)) throw new TokenRejected("algorithm");
  if (isTicketType(typ)) throw new TokenRejected("claim", "typ");
  if (isHmac(alg)) return issuer.usesSecret ? ((await hmacKeys(config)).get(alg) ?? []) : [];
  if (issuer.keySource === null) return [];
  const found = await findPublicKeys(issuer.keySource, algorithms, { alg, kid }, requestId);
  if (!found.ok) throw new TokenRejected(found.reason);
  return found.keys;
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
