import { NEVER, type Token } from "./machine-state.ts";

/** Tokens as the page provides them: checked, and with the claims that the SDK needs. */

/** RFC 7515, section 7.1: base64url parts, separated by dots. */
const NOT_IN_A_JWT = /[^\w.-]|^$/;

/**
 * Reads what `getToken` returned.
 * @throws {TypeError} for what cannot be a JWT, such as an error page, saying what it looks like. The service would reject
 * it for good; the next call may return a token.
 */
export function parseToken(token: unknown): Token {
  // A type, the match of a character that no JWT has, or null for what looks like a JWT.
  const odd = typeof token === "string" ? NOT_IN_A_JWT.exec(token) : typeof token;
  if (odd)
    throw new TypeError(
      `getToken must return a JWT, not ${typeof odd === "string" ? odd : `text with ${JSON.stringify(odd[0])}`}`,
    );
  // Without a match, it is text.
  return readToken(token as string);
}

/**
 * Reads what the SDK needs of a token: when it expires, and whose it is. A subject is unique only within its issuer
 * (RFC 7519, section 4.1.2).
 */
export function readToken(token: string): Token {
  const { exp, iss, sub } = claimsOf(token);
  const user = typeof sub === "string" ? JSON.stringify([iss, sub]) : null;
  return { token, expiresAt: Number(exp) * 1000 || NEVER, user };
}

/**
 * Reads the claims of a JWT without verifying it, which is the service's job. Non-ASCII text comes out as one character
 * per byte.
 * @returns No claims if the token cannot be read.
 */
export function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = String(token.split(".")[1]).replace(/-/g, "+").replace(/_/g, "/");
    return Object(JSON.parse(atob(payload)));
  } catch {
    return {};
  }
}
