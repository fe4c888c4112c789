import { importJWK } from "jose";
import * as z from "zod";
import { isHmac } from "../../config/credentials.ts";
import { valueAt } from "../../protocol/json.ts";
import { fetchLoginDocument } from "../fetch-json.ts";

/** Reading a key set (RFC 7517). */

/** Bounds the keys that one fetch imports. */
const MAX_KEYS = 50;
const MAX_LOGGED_KID_LENGTH = 64;
/** Smaller keys must not be used (RFC 7518, section 3.3), and jose refuses to verify with them. */
const MIN_RSA_BITS = 2048;

export interface PublicKey {
  kid: string | undefined;
  alg: string;
  key: CryptoKey;
  /** The public parameters as JSON: equal for two entries with the same key. */
  material: string;
}

/** Members are parsed one by one: one that this service cannot use must not affect the others (RFC 7517, section 5). */
const jwks = z.object({ keys: z.array(z.unknown()) });

const member = z.looseObject({
  kty: z.string("kty is not a string"),
  kid: z.string("kid is not a string").exactOptional(),
  alg: z.string("alg is not a string").exactOptional(),
  use: z.string("use is not a string").exactOptional(),
});
type Member = z.infer<typeof member>;

/** Parameters of public keys (RFC 7518, section 6; RFC 8037, section 2). */
const PUBLIC_PARAMETERS = ["kty", "crv", "n", "e", "x", "y"] as const;

/**
 * Fetches a key set.
 * @returns Its usable keys, and for the log, why other members were skipped. Members beyond the first 50 are skipped.
 */
export async function fetchKeys(
  url: string,
  algorithms: readonly string[],
  signal: AbortSignal,
): Promise<{ keys: PublicKey[]; skipped: string[] }> {
  const parsed = jwks.safeParse(await fetchLoginDocument(url, "the key set", signal));
  if (!parsed.success) throw new Error("the key set has no list of keys");
  const members = parsed.data.keys;
  const keys: PublicKey[] = [];
  const skipped = members.length > MAX_KEYS ? [`keys beyond the first ${MAX_KEYS}`] : [];
  for (const [index, value] of members.slice(0, MAX_KEYS).entries()) {
    const read = await readMember(value, algorithms);
    if (typeof read === "string") skipped.push(`keys[${index}]${kidOf(value)} ${read}`);
    else keys.push(...read);
  }
  return { keys, skipped };
}

/** Returns a member's key for each allowed algorithm that it fits, or why it is skipped, without its content. */
async function readMember(value: unknown, algorithms: readonly string[]): Promise<PublicKey[] | string> {
  const parsed = member.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return issue?.path.length === 0 ? "is not an object" : String(issue?.message);
  }
  const jwk = parsed.data;
  if ((jwk.use ?? "sig") !== "sig") return "is not for signatures";
  const keys: PublicKey[] = [];
  for (const alg of algorithms) {
    const key = isHmac(alg) || (jwk.alg ?? alg) !== alg ? null : await importPublicKey(jwk, alg);
    if (key) keys.push({ kid: jwk.kid, alg, key, material: materialOf(jwk) });
  }
  if (keys.length > 0) return keys;
  return `is not a public key for an algorithm of JWT_ALGORITHMS (RSA: at least ${MIN_RSA_BITS} bits)`;
}

/** Returns a member's `kid` for the log, in quotes, if it has one. */
function kidOf(value: unknown): string {
  const kid = valueAt(value, ["kid"]);
  return typeof kid === "string" ? ` ${JSON.stringify(kid.slice(0, MAX_LOGGED_KID_LENGTH))}` : "";
}

function materialOf(jwk: Member): string {
  return JSON.stringify(PUBLIC_PARAMETERS.map((name) => jwk[name]));
}

/** Returns null when the key is for another algorithm, is not public, cannot be imported, or cannot verify. */
async function importPublicKey(jwk: Member, alg: string): Promise<CryptoKey | null> {
  try {
    const key = await importJWK(jwk, alg);
    return key instanceof CryptoKey && canVerify(key) ? key : null;
  } catch {
    return null;
  }
}

/** Returns whether jose verifies with a key. Otherwise it throws for every token, and other keys are not tried. */
function canVerify({ type, usages, algorithm }: CryptoKey): boolean {
  const isWeak = "modulusLength" in algorithm && algorithm.modulusLength < MIN_RSA_BITS;
  return type === "public" && usages.includes("verify") && !isWeak;
}
