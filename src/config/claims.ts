import * as z from "zod";
import { valueAt } from "../protocol/json.ts";

/** The settings that name a token's claims: their schema, and what they refer to. */

export type Claims = Record<string, unknown>;

/** Claims that login services let users edit themselves, wherever they are nested (Supabase, Auth0, Clerk). */
const USER_EDITABLE_OBJECTS = ["usermetadata", "rawusermetadata", "unsafemetadata"];
/** Profile fields that users choose freely (OpenID Connect Core, section 5.1); fields of other objects are not these. */
const PROFILE_CLAIMS =
  "name given_name family_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale";

/** Returns whether users can decide what a claim says, so that it proves neither a role nor an identity. */
function isUserEditable(path: string): boolean {
  if (PROFILE_CLAIMS.split(" ").includes(path)) return true;
  // Namespaced claims are URLs or URNs: https://shop.example/user_metadata, urn:shop:user_metadata.
  const segments = path.toLowerCase().split(/[^\w-]/);
  return segments.some((segment) => USER_EDITABLE_OBJECTS.includes(segment.replaceAll(/[_-]/g, "")));
}

/** A claim's name, or the dotted path to a nested one. */
export const claimPath = (fallback: string) =>
  z
    .string()
    .refine((path) => !path.includes(","), "must be one claim")
    .refine((path) => !isUserEditable(path), "must not be a claim that users can edit themselves")
    .prefault(fallback);

/**
 * Returns the claim with exactly this name, else the one at this dotted path. Namespaced claims contain dots
 * (`https://shop.example/roles`).
 */
export function claimAt(claims: Claims, path: string): unknown {
  return Object.hasOwn(claims, path) ? claims[path] : valueAt(claims, path.split("."));
}
