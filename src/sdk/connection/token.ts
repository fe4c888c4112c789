/**
 * Reads one claim of a JWT without verifying it, which is the service's job. The SDK needs `exp` to fetch a new token
 * in time, and `sub` to let only tabs of the same user share a socket. Non-ASCII text is returned as its UTF-8 bytes, one
 * character per byte.
 * @returns The claim, or undefined if the token is malformed or has no such claim.
 */
export function claimOf(token: string, name: "exp" | "sub"): unknown {
  try {
    const payload = String(token.split(".")[1]).replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(payload))[name];
  } catch {
    return undefined;
  }
}
