import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from "jose";
import * as z from "zod";
import type { Identity } from "../../channels/contract.ts";
import type { Config } from "../../config/config.ts";
import type { Issuer } from "../../config/issuers.ts";
import { MAX_TOKEN_LENGTH } from "../../protocol/frames.ts";
import { MAX_USER_ID_LENGTH } from "../../protocol/names.ts";
import { logRolesMissing } from "../../telemetry/log.ts";
import { isAddressedTo, rolesAt, userIdAt } from "./claims.ts";
import { isTicket, isTicketType, ticketKeys, verifyTicket } from "./ticket.ts";
import { keysFor } from "./token-keys.ts";
import { type RefusedToken, type TokenReason, TokenRejected } from "./token-refusals.ts";

/** The identity a token proves, or why it was refused. */
export type Verified = { ok: true; identity: Identity } | RefusedToken;

/** A token whose `nbf` is at most this far ahead is refused as `valid_soon`: clients wait and retry. */
export const MAX_NBF_AHEAD_SECONDS = 60;
/** Alarms cannot be set beyond 2189; an `exp` in milliseconds instead of seconds lies beyond the year 50000. */
const LATEST_EXPIRY_MS = Date.UTC(2100);
/** Header, payload and signature (RFC 7515, section 3.1), without the characters that lenient decoders skip. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Verifies a user's token or a ticket.
 *
 * A user's token needs an allowed algorithm, a valid signature, `exp`, the user's id, a past `nbf` if any, and the
 * configured issuer and audience (RFC 7519; RFC 8725 for the algorithm list). There is no clock tolerance: `exp` has no
 * leeway, and `iat` may lie in the future. With several keys that may have signed it, each is tried in turn.
 * @param requestId The request that the token belongs to, for the log.
 * @throws any error that the token did not cause.
 */
export async function verifyToken(token: string | null, config: Config, requestId: string): Promise<Verified> {
  const now = new Date();
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
  // The unverified `iss` only selects a configured issuer: a token supplies neither keys nor their URL.
  const issuer = config.jwt.issuers.find(({ name }) => name === null || name === claims.iss);
  if (!issuer) throw new TokenRejected("claim", "iss");
  if (!isAddressedTo(claims, audiences)) throw new TokenRejected("claim", "aud");
  const header = headerOf(token);
  if (isTicketType(header.typ)) throw new TokenRejected("claim", "typ");
  const keys = await keysFor(header, issuer, config, requestId);
  const options = { algorithms, requiredClaims: ["exp"], currentDate: now };
  const { payload } = await withEachKey(keys, (key) => jwtVerify(token, key, options));
  return identityOf(payload, issuer, config);
}

/** @throws {TokenRejected} for a malformed header. jose throws a plain TypeError, which might as well be a fault. */
function headerOf(token: string): ProtectedHeaderParameters {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new TokenRejected("malformed");
  }
}

/** Tries keys in turn; only a wrong signature leads to the next one. @throws The last attempt's error. */
async function withEachKey<T>(keys: readonly CryptoKey[], verify: (key: CryptoKey) => Promise<T>): Promise<T> {
  let failure: unknown;
  for (const key of keys) {
    try {
      return await verify(key);
    } catch (error) {
      failure = error;
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
    }
  }
  throw failure ?? new TokenRejected("unknown_key");
}

function identityOf(payload: JWTPayload, { idPrefix }: Issuer, config: Config): Identity {
  const { roleClaim, userIdClaim, adminRoles } = config;
  const userId = userIdAt(payload, userIdClaim);
  const subject = `${idPrefix}${userId}`;
  if (userId === null || subject.length > MAX_USER_ID_LENGTH) throw new TokenRejected("claim", userIdClaim);
  // jose has checked that it is present.
  const { exp = 0 } = payload;
  const roles = rolesAt(payload, roleClaim);
  checkFirstRoles(roles, config);
  return {
    subject,
    isAdmin: roles?.some((role) => adminRoles.has(role)) ?? false,
    expiresAt: Math.min(exp * 1000, LATEST_EXPIRY_MS),
    orderId: null,
    ticketGeneration: null,
  };
}

const configsWithCheckedRoles = new WeakSet<Config>();

/**
 * Logs when the first token of a configuration has no role claim, because the claim's path is probably misspelt. Later
 * tokens are not checked: customers' tokens often have no roles.
 */
function checkFirstRoles(roles: string[] | null, config: Config): void {
  if (roles === null && !configsWithCheckedRoles.has(config)) logRolesMissing({ claim: config.roleClaim });
  configsWithCheckedRoles.add(config);
}

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

/** @throws the error itself unless the token caused it: a final refusal would hide a fault, and end a valid session. */
function reasonOf(error: unknown): TokenReason {
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JOSEError || error instanceof z.ZodError) return "malformed";
  throw error;
}
