import { decodeJwt } from "jose";
import { usageError } from "./command-error.ts";

/** Tokens that the user gives to a command, instead of having it mint them. */

/** @param option Where the token is from. @throws {CommandError} when it does not look like a JWT (RFC 7515, section 7.1). */
export function expectJwt(token: string, option: string): void {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) {
    throw usageError(`${option} is not a JWT: it must be three base64url parts, separated by dots.`);
  }
}

/** Returns a token's claims, unverified. @throws {CommandError} when it has none. */
export function givenClaims(token: string, option: string): Record<string, unknown> {
  expectJwt(token, option);
  try {
    return decodeJwt(token);
  } catch {
    throw usageError(`${option} is not a JWT: its second part must be an object of claims.`);
  }
}
