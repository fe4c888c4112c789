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

/** Returns a token of exactly this length. */
export async function tokenOfLength(length: number): Promise<string> {
  let groups = "";
  for (;;) {
    const token = await mintToken({ claims: { groups } });
    if (token.length === length) return token;
    if (token.length > length) throw new Error("base64url leaves no text of this length");
    groups += "g".repeat(Math.max(Math.floor((3 * (length - token.length)) / 4), 1));
  }
}
