import { SignJWT } from "jose";
import type { SigningSecret } from "./settings.ts";

export const DEFAULT_TOKEN_TTL_SECONDS = 3600;

interface TokenRequest {
  subject: string;
  role?: string | undefined;
  ttlSeconds?: number;
  /** Further claims. They cannot override the user's id and role, `iat` and `exp`. */
  claims?: Record<string, unknown>;
}

interface MintedToken {
  token: string;
  subject: string;
  /** ISO 8601. */
  expires_at: string;
}

/** Mints a token as the shop's login would, in the form that the service expects. */
export async function mintToken(request: TokenRequest, { value, form }: SigningSecret): Promise<MintedToken> {
  const { subject, role, ttlSeconds = DEFAULT_TOKEN_TTL_SECONDS, claims = {} } = request;
  // A claim of exactly the configured name comes before a dotted path.
  const user = { [form.userIdClaim]: subject, ...(role !== undefined && { [form.roleClaim]: role }) };
  const issuedAt = Math.floor(Date.now() / 1000);
  const expiresAt = issuedAt + ttlSeconds;
  const token = await new SignJWT({ ...form.claims, ...claims, ...user })
    .setProtectedHeader({ alg: form.algorithm, typ: "JWT" })
    .setSubject(subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(new TextEncoder().encode(value));
  return { token, subject, expires_at: new Date(expiresAt * 1000).toISOString() };
}
