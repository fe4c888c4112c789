import { NEVER, type Token } from "./machine-state.ts";

/** Tokens as the page provides them: checked, and with the claims that the SDK needs. */

/** Base64url parts, separated by dots (RFC 7515, section 7.1). */
const JWT_CHARACTERS = /^[\w.-]+$/;

/**
 * Reads what `getToken` returned.
 * @throws {TypeError} for what cannot be a JWT, such as an error page. The service would reject it for good; the next call
 * may return a token.
 */
export function parseToken(token: unknown): Token {
  if (typeof token === "string" && JWT_CHARACTERS.test(token)) return readToken(token);
  throw new TypeError(`getToken returned ${typeof token}, not a JWT`);
}

/**
 * Reads what the SDK needs of a token: when it expires, and whose it is. A subject is unique only within its issuer
 * (RFC 7519, section 4.1.2). A guest's next ticket has another subject and the same order.
 */
export function readToken(token: string): Token {
  const { exp, iss, sub, order } = claimsOf(token);
  const user = typeof sub === "string" ? JSON.stringify([iss, (/^ticket:/.test(sub) && order) || sub]) : null;
  return { token, expiresAt: Number(exp) * 1000 || NEVER, user };
}

/**
 * Reads the claims of a JWT without verifying it, which is the service's job. Non-ASCII text comes out as one character
 * per byte.
 * @returns No claims if the token cannot be read.
 */
function claimsOf(token: string): Record<string, unknown> {
  try {
    const [, payload = ""] = token.split(".");
    return Object(JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))));
  } catch {
    return {};
  }
}
