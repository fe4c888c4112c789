import type { ProtectedHeaderParameters } from "jose";
import type { Config } from "../../config/config.ts";
import { isHmac } from "../../config/credentials.ts";
import type { Issuer } from "../../config/issuers.ts";
import { findPublicKeys } from "./jwks.ts";
import { perConfig } from "./per-config.ts";
import { TokenRejected } from "./token-refusals.ts";

/**
 * Returns the keys that may have signed a token. The issuer and the algorithm alone decide between the secrets and the
 * key set, so a public key is never used as an HMAC secret, whatever the rest of the header says (RFC 8725, section 2.1).
 * @param requestId The request that the token belongs to, for the log.
 * @throws {TokenRejected} for a disallowed algorithm, and when the key set has no such key or cannot be fetched.
 */
export async function keysFor(
  { alg, kid }: ProtectedHeaderParameters,
  issuer: Issuer,
  config: Config,
  requestId: string,
): Promise<readonly CryptoKey[]> {
  const { algorithms } = config.jwt;
  if (typeof alg !== "string" || !algorithms.includes(alg)) throw new TokenRejected("algorithm");
  if (isHmac(alg)) return issuer.usesSecret ? ((await hmacKeys(config)).get(alg) ?? []) : [];
  if (issuer.keySource === null) return [];
  const found = await findPublicKeys(issuer.keySource, algorithms, { alg, kid }, requestId);
  if (!found.ok) throw new TokenRejected(found.reason);
  return found.keys;
}

/** The secrets as keys, by algorithm. Importing a key costs as much as a verification, so it happens once. */
const hmacKeys = perConfig(async ({ jwt: { algorithms, secrets } }) => {
  const keys = new Map<string, CryptoKey[]>();
  for (const name of algorithms.filter(isHmac)) {
    const algorithm = { name: "HMAC", hash: `SHA-${name.slice("HS".length)}` };
    const imported = secrets.map((secret) => crypto.subtle.importKey("raw", secret, algorithm, false, ["verify"]));
    keys.set(name, await Promise.all(imported));
  }
  return keys;
});
