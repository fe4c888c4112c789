import { SignJWT } from "jose";
import { TEST_ENV } from "./test-env.ts";

export interface TokenOptions {
  subject?: string;
  role?: string;
  /** Seconds from now; negative for an expired token. */
  expiresIn?: number;
  /** Additional claims; they override the others. */
  claims?: Record<string, unknown>;
  secret?: string;
  algorithm?: string;
}

/** Mints a token that the service under test accepts, unless an option makes it invalid. */
export function mintToken(options: TokenOptions = {}): Promise<string> {
  const {
    subject = "alice",
    role,
    expiresIn = 600,
    claims = {},
    secret = TEST_ENV.JWT_SECRET,
    algorithm = "HS256",
  } = options;
  return new SignJWT({ sub: subject, exp: Math.floor(Date.now() / 1000) + expiresIn, ...(role && { role }), ...claims })
    .setProtectedHeader({ alg: algorithm, typ: "JWT" })
    .sign(new TextEncoder().encode(secret));
}

export const adminToken = () => mintToken({ subject: "root", role: "admin" });
