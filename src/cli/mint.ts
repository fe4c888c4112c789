import { SignJWT } from "jose";

/** How long a minted token is good for, in seconds, when nobody says. */
export const DEFAULT_TTL_SECONDS = 3600;

export interface TokenRequest {
  subject: string;
  role?: string | undefined;
  ttlSeconds?: number;
  /** Claims besides; they come before `sub`, `role` and the times, which they cannot change. */
  claims?: Record<string, unknown>;
}

export interface MintedToken {
  token: string;
  subject: string;
  /** ISO 8601. */
  expires_at: string;
}

/**
 * Mints a token as the shop's login would: HS256, with `sub`, `iat`, `exp` and, when given, `role`.
 * @param now Milliseconds since 1970.
 */
export async function mintToken(request: TokenRequest, secret: string, now = Date.now()): Promise<MintedToken> {
  const { subject, role, ttlSeconds = DEFAULT_TTL_SECONDS, claims = {} } = request;
  const issuedAt = Math.floor(now / 1000);
  const expiresAt = issuedAt + ttlSeconds;
  const token = await new SignJWT({ ...claims, ...(role !== undefined && { role }) })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(new TextEncoder().encode(secret));
  return { token, subject, expires_at: new Date(expiresAt * 1000).toISOString() };
}
