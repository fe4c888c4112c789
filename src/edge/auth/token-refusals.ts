import { Refusal } from "../errors.ts";

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
  /** Its `nbf` is at most `MAX_NBF_AHEAD_SECONDS` ahead: the issuer's clock is fast. */
  | "valid_soon"
  | "not_yet_valid"
  | "claim";

/** Thrown during verification; `verifyToken` returns the refusal it holds. */
export class TokenRejected extends Error {
  readonly refused: RefusedToken;
  constructor(reason: TokenReason, claim?: string) {
    super(reason);
    this.refused = { ok: false, reason, ...(claim !== undefined && { claim }) };
  }
}

/**
 * Returns the public refusal for a reason. Clients learn no more than: missing, expired, too long, invalid, or
 * unavailable.
 */
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
