import type { HttpRefusal } from "../../protocol/refusals.ts";
import { Refusal } from "../errors.ts";

export interface RefusedToken {
  ok: false;
  reason: TokenReason;
  /** For `claim`: the claim that is missing or wrong, for the log. */
  claim?: string;
  /** For `valid_soon`: how long until the token is valid. */
  retryAfterSeconds?: number;
}

/**
 * Why a token was refused, in detail: for the log and the metrics. Clients receive the public refusal beside it, and so
 * learn no more than: missing, expired, too long, invalid, or unavailable.
 */
export const TOKEN_REFUSAL_BY_REASON = {
  missing: "unauthenticated",
  too_long: "token_too_long",
  malformed: "token_invalid",
  algorithm: "token_invalid",
  /** The key set has no key that matches the token. */
  unknown_key: "token_invalid",
  /** The cached key set has no matching key, and may not be fetched again yet. */
  key_not_known_yet: "unavailable",
  /** The key set cannot be fetched now, so the token may be valid. */
  keys_unavailable: "unavailable",
  signature: "token_invalid",
  expired: "token_expired",
  /** Its `nbf` is at most `MAX_NBF_AHEAD_SECONDS` ahead: the issuer's clock is fast. */
  valid_soon: "unavailable",
  not_yet_valid: "token_invalid",
  claim: "token_invalid",
} as const satisfies Record<string, HttpRefusal>;
export type TokenReason = keyof typeof TOKEN_REFUSAL_BY_REASON;

/** Thrown during verification; `verifyToken` returns the refusal it holds. */
export class TokenRejected extends Error {
  readonly refused: RefusedToken;
  constructor(reason: TokenReason, claim?: string) {
    super(reason);
    this.refused = { ok: false, reason, ...(claim !== undefined && { claim }) };
  }
}

/** Returns the HTTP refusal of a token. */
export function tokenRefusal(refused: RefusedToken): Refusal {
  const { reason, retryAfterSeconds } = refused;
  const headers = retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) };
  return new Refusal(TOKEN_REFUSAL_BY_REASON[reason], { credential: refused, headers });
}
