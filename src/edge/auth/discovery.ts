import * as z from "zod";
import { jwksUrl } from "../../config/credentials.ts";
import { fetchLoginDocument } from "../fetch-json.ts";

/** The required fields of an issuer's metadata (OpenID Connect Discovery 1.0, section 3). */
const metadata = z.object({ issuer: z.string(), jwks_uri: z.string() });

const REMEDY = "correct it or set JWKS_URL";

/**
 * Finds an issuer's key set by OpenID Connect Discovery (1.0, section 4).
 * @param issuer An https URL from `JWT_ISSUER`, never from a token.
 * @throws when the document is another issuer's, or its `jwks_uri` is not an https URL.
 */
export async function discoverKeySet(issuer: string, signal: AbortSignal): Promise<string> {
  const url = `${withoutSlash(issuer)}/.well-known/openid-configuration`;
  const parsed = metadata.safeParse(await fetchLoginDocument(url, "the discovery document", signal));
  if (!parsed.success) throw new Error(`the discovery document is not JSON with an issuer and a jwks_uri; ${REMEDY}`);
  // Must match exactly: tokens have this `iss` (section 4.3).
  if (parsed.data.issuer !== issuer)
    throw new Error(`the discovery document's ${mismatch(issuer, parsed.data.issuer)}`);
  const address = jwksUrl.safeParse(parsed.data.jwks_uri);
  // Plain http is for a local JWKS_URL only.
  if (!address.success || !address.data.startsWith("https:")) {
    throw new Error(`the discovery document's jwks_uri is not an https URL; ${REMEDY}`);
  }
  return address.data;
}

/** Explains a different issuer, without quoting what was received. */
function mismatch(issuer: string, found: string): string {
  if (withoutSlash(found) !== withoutSlash(issuer)) return `issuer is not the one in JWT_ISSUER; ${REMEDY}`;
  return `issuer ends ${found.endsWith("/") ? "with" : "without"} a slash, unlike the one in JWT_ISSUER; correct it`;
}

const withoutSlash = (url: string) => url.replace(/\/$/, "");
