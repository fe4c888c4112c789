import { claimAt } from "../../config/claims.ts";
import { HMAC_ALGORITHMS, isHmac } from "../../config/credentials.ts";
import { toIssuers } from "../../config/issuers.ts";
import { splitList } from "../../config/lists.ts";
import { readServiceSettings } from "./dev-vars.ts";

/** What the service expects of a token that is signed with `JWT_SECRET`, besides the user. */
export interface TokenForm {
  algorithm: string;
  /** False when the settings accept none: every token must then be signed with a login service's key. */
  isAccepted: boolean;
  /** `iss` and `aud`, as far as the service checks them. */
  claims: Record<string, string>;
  /** The names of the claims with the user's id and role. */
  userIdClaim: string;
  roleClaim: string;
  /** A role that makes its user an admin. */
  adminRole: string;
  /** Precedes the user's id wherever a service names the user. */
  idPrefix: string;
}

/** Reads the form from the service's settings in a folder: `wrangler.toml` and `.dev.vars`. @throws {CommandError} */
export function tokenForm(folder: string): TokenForm {
  const { settings, listOf, algorithms, issuers } = readTokenSettings(folder);
  const issuer = issuers.find(({ usesSecret }) => usesSecret);
  const [audience] = listOf("JWT_AUDIENCE");
  return {
    isAccepted: issuer !== undefined && (algorithms.length === 0 || algorithms.some(isHmac)),
    algorithm: algorithms.find(isHmac) ?? HMAC_ALGORITHMS[0],
    claims: { ...(issuer?.name && { iss: issuer.name }), ...(audience && { aud: audience }) },
    userIdClaim: userIdClaimIn(settings),
    roleClaim: settings.ROLE_CLAIM || "role",
    adminRole: listOf("ADMIN_ROLES")[0] ?? "admin",
    idPrefix: issuer?.idPrefix ?? "",
  };
}

/**
 * Returns the id of a token's user, as the service with this folder's settings names the user (null without one), and the
 * claim that it is read from.
 * @param claims Unverified.
 * @throws {CommandError} when the settings cannot be read.
 */
export function userIdIn(claims: Record<string, unknown>, folder: string): { id: string | null; claim: string } {
  const { settings, issuers } = readTokenSettings(folder);
  const claim = userIdClaimIn(settings);
  const value = claimAt(claims, claim);
  const prefix = issuers.find(({ name }) => name === claims.iss)?.idPrefix ?? "";
  return { id: typeof value === "string" || Number.isSafeInteger(value) ? `${prefix}${value}` : null, claim };
}

type TokenSettings = Record<string, string | undefined>;

function readTokenSettings(folder: string) {
  const settings: TokenSettings = readServiceSettings(folder);
  const listOf = (name: string) => splitList(settings[name] ?? "");
  const algorithms = listOf("JWT_ALGORITHMS");
  const issuers = toIssuers({ JWT_ISSUER: listOf("JWT_ISSUER"), JWKS_URL: [], JWT_ALGORITHMS: algorithms });
  return { settings, listOf, algorithms, issuers };
}

const userIdClaimIn = ({ USER_ID_CLAIM }: TokenSettings) => USER_ID_CLAIM || "sub";
