import { type Claims, claimAt } from "../../config/claims.ts";
import { idText } from "../../protocol/ids.ts";
import { MAX_USER_ID_LENGTH } from "../../protocol/names.ts";

/** Reads a token's claims. */

/** Claims whose value is a space-separated list (RFC 8693, section 4.2; Entra ID). */
const SPACE_SEPARATED = ["scope", "scp"];

/**
 * Returns whether a token is meant for one of these audiences; an empty list accepts every token. Without `aud`, the
 * client it was issued to counts: Cognito's access tokens name only `client_id`, Clerk's session tokens only `azp`.
 */
export function isAddressedTo(claims: Claims, audiences: readonly string[]): boolean {
  if (audiences.length === 0) return true;
  const named = Object.hasOwn(claims, "aud") ? [claims.aud].flat() : [claims.azp, claims.client_id];
  return named.some((name) => typeof name === "string" && audiences.includes(name));
}

/**
 * Returns the user's roles, from a string or a list of strings. Only `scope` and `scp` are split at spaces, because a role
 * may contain one.
 * @returns null when the token has neither at this claim.
 */
export function rolesAt(claims: Claims, path: string): string[] | null {
  const value = claimAt(claims, path);
  if (typeof value === "string") return SPACE_SEPARATED.includes(path) ? value.split(" ") : [value];
  return Array.isArray(value) ? value.filter((role) => typeof role === "string") : null;
}

const userId = idText(MAX_USER_ID_LENGTH);

/**
 * Returns the user's id as text, or null without a valid one. An unverified address is not an id: anyone can sign up with
 * another user's (`email_verified`; OpenID Connect Core, section 5.1). Apple sends that claim as text.
 */
export function userIdAt(claims: Claims, path: string): string | null {
  const verified = claimAt(claims, `${path}_verified`);
  if (verified === false || verified === "false") return null;
  return userId.safeParse(claimAt(claims, path)).data ?? null;
}
