import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

/** Key pairs of a login service, and tokens signed with them. */

export interface SigningKey {
  alg: string;
  kid: string | undefined;
  publicJwk: JWK;
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

/** @param kid Null for a key without a `kid`. */
export async function makeKey(alg = "RS256", kid: string | null = crypto.randomUUID()): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), alg, use: "sig", ...(kid !== null && { kid }) };
  return { alg, kid: kid ?? undefined, publicJwk, publicKey, privateKey };
}

/** @returns A user token signed with a key of the login service. */
export function signWith({ alg, kid, privateKey }: SigningKey, claims: JWTPayload = {}): Promise<string> {
  return new SignJWT({ sub: "alice", exp: Math.floor(Date.now() / 1000) + 36_000, ...claims })
    .setProtectedHeader({ alg, ...(kid !== undefined && { kid }) })
    .sign(privateKey);
}
