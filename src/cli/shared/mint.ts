import { SignJWT } from "jose";

export const DEFAULT_TOKEN_TTL_SECONDS = 3600;

interface TokenRequest {
  subject: string;
  role?: string | undefined;
  ttlSeconds?: number;
  /** Further claims. They cannot override `sub`, `role`, `iat` or `exp`. */
  claims?: Record<string, unknown>;
}

interface MintedToken {
  token: string;
  subject: string;
  /** ISO 8601. */
  expires_at: string;
}

/**
 * Mints a token as the shop's login would: HS256, with `sub`, `iat`, `exp` and, if given, `role`.
 * @param now Milliseconds since 1970.
 */
export async function mintToken(request: TokenRequest, secret: string, now = Date.now()): Promise<MintedToken> {
  const { subject, role, ttlSeconds = DEFAULT_TOKEN_TTL_SECONDS, claims = {} } = request;
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
