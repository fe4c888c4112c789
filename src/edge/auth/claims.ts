import { isRecord } from "../../protocol/json.ts";
import { MAX_USER_ID_LENGTH } from "../../protocol/names.ts";

/** What a verified token says about its bearer. */

type Claims = Record<string, unknown>;

/** Claims that list their values in one text, separated by spaces (RFC 8693, section 4.2; Entra ID). */
const SPACE_SEPARATED = ["scope", "scp"];

/**
 * Returns the user's roles: a text, or the texts of a list. Only `scope` and `scp` are split at spaces, because a role
 * may contain one.
 * @returns null when the token has neither at this claim.
 */
export function rolesAt(claims: Claims, path: string): string[] | null {
  const value = claimAt(claims, path);
  if (typeof value === "string") return SPACE_SEPARATED.includes(path) ? value.split(" ") : [value];
  return Array.isArray(value) ? value.filter((role) => typeof role === "string") : null;
}

/**
 * Returns the user's id as text: a text as it is, an integer in decimal, because many shops number their users.
 * @returns null for anything else. A number that JSON cannot carry exactly may be another user's.
 */
export function userIdAt(claims: Claims, path: string): string | null {
  const value = claimAt(claims, path);
  const id = Number.isSafeInteger(value) ? String(value) : value;
  return typeof id === "string" && id !== "" && id.length <= MAX_USER_ID_LENGTH ? id : null;
}

/**
 * Returns the claim with exactly this name, else the one at this dotted path. Namespaced claims contain dots
 * (`https://shop.example/roles`). Inherited properties are no claims.
 */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split(".")) {
    if (!isRecord(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}
