import { importJWK } from "jose";
import * as z from "zod";
import { isHmac } from "../../config/credentials.ts";
import { backoffCeiling } from "../../protocol/backoff.ts";
import { parseJson } from "../../protocol/json.ts";
import { logFault, logKeysSkipped } from "../../telemetry/log.ts";

/**
 * The public keys at `JWKS_URL` (RFC 7517), cached in the isolate's memory.
 *
 * Requests share values and never a promise: the runtime forbids one request to await another's I/O. The request that
 * finds a fetch due claims it in one synchronous step; the others use the cached keys, or poll until the fetch is done.
 */

/** Keys are used without a fetch for this long. A key removed from the set stays valid until then. */
export const FRESH_MS = 10 * 60_000;
/** While the endpoint fails, keys are used for this long after their fetch. */
export const STALE_MS = 60 * 60_000;
/** Minimum time between fetches caused by tokens that name an unknown key. */
export const COOLDOWN_MS = 30_000;
/** Back-off after failed fetches. */
export const MIN_BACKOFF_MS = 5_000;
export const MAX_JWKS_BACKOFF_MS = 60_000;
const TIMEOUT_MS = 5_000;
/** A claim expires after this, because its request may have been cancelled by its client. */
const CLAIM_MS = TIMEOUT_MS + 1_000;
/** Polling interval of requests that wait for another's fetch; it doubles up to the maximum. */
const MIN_CLAIM_POLL_MS = 20;
const MAX_CLAIM_POLL_MS = 320;
const MAX_BYTES = 64 * 1024;
const MAX_KEYS = 50;
const MAX_LOGGED_KID_LENGTH = 64;

/** What a token's header states about its key. */
export interface KeyHint {
  alg: string;
  kid?: string | undefined;
}

/** A key, or why there is none; `TokenReason` explains each reason. */
export type FoundKey =
  | { ok: true; key: CryptoKey }
  | { ok: false; reason: "unknown_key" | "key_not_known_yet" | "keys_unavailable" };

interface PublicKey {
  kid: string | undefined;
  alg: string;
  key: CryptoKey;
  /** The public parameters, which tell whether two members are the same key. */
  material: string;
}

/** The cached keys of one endpoint. Times are in milliseconds since 1970. */
interface KeySet {
  keys: PublicKey[];
  /** When the last successful fetch ended; 0 when there was none. */
  fetchedAt: number;
  /** When that fetch began. */
  requestedAt: number;
  /** No fetch before this: a cooldown after a success, a back-off after failures. */
  mayFetchAt: number;
  /** Until when a fetch is claimed; 0 when none is in progress. */
  claimedUntil: number;
  /** Consecutive failed fetches. */
  failures: number;
}

const keySets = new Map<string, KeySet>();

function emptyKeySet(): KeySet {
  return { keys: [], fetchedAt: 0, requestedAt: 0, mayFetchAt: 0, claimedUntil: 0, failures: 0 };
}

/**
 * Finds the public key that verifies a token.
 * @param algorithms The allowed algorithms. HMAC algorithms among them are ignored.
 * @param requestId The request that the token belongs to, for the log.
 */
export async function findPublicKey(
  url: string,
  algorithms: readonly string[],
  hint: KeyHint,
  requestId: string,
): Promise<FoundKey> {
  const startedAt = Date.now();
  const set = keySets.get(url) ?? emptyKeySet();
  keySets.set(url, set);
  const age = () => Date.now() - set.fetchedAt;
  let key = pick(set, hint);
  if (key && age() < FRESH_MS) return { ok: true, key };

  if (Date.now() >= Math.max(set.mayFetchAt, set.claimedUntil)) {
    set.claimedUntil = Date.now() + CLAIM_MS;
    await refetch(set, url, algorithms, requestId);
  } else if (!key || age() >= STALE_MS) {
    // Polls with this request's own timers. No jitter: looking at memory puts no load on anything.
    for (let polls = 0; Date.now() < set.claimedUntil; polls++) {
      await scheduler.wait(backoffCeiling(polls, MIN_CLAIM_POLL_MS, MAX_CLAIM_POLL_MS));
    }
  }
  key = pick(set, hint);
  if (key && age() < STALE_MS) return { ok: true, key };
  const isCurrent = set.fetchedAt > 0 && set.failures === 0 && age() < FRESH_MS;
  if (!isCurrent) return { ok: false, reason: "keys_unavailable" };
  return { ok: false, reason: isConclusive(set, hint, startedAt) ? "unknown_key" : "key_not_known_yet" };
}

/**
 * Returns whether a current set without a matching key proves that the token is invalid, which clients take as final.
 *
 * Issuers publish a key before they sign with it, so a set requested after the token arrived is proof. An older set is
 * not: a client that sends a made-up `kid` every 30 seconds keeps the cooldown from ending for others. A token without
 * `kid` refers to no key that is yet to be published, and a known `kid` with another algorithm is not a new key.
 */
function isConclusive({ keys, requestedAt }: KeySet, { kid }: KeyHint, startedAt: number): boolean {
  return kid === undefined || keys.some((key) => key.kid === kid) || requestedAt >= startedAt;
}

/**
 * Returns the only key that matches, or null. Without `kid`, the algorithm must leave no choice. A key that is listed
 * several times is one key.
 */
function pick({ keys }: KeySet, { alg, kid }: KeyHint): CryptoKey | null {
  const matching = keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid));
  const [first, ...others] = matching;
  return first && others.every(({ material }) => material === first.material) ? first.key : null;
}

async function refetch(set: KeySet, url: string, algorithms: readonly string[], requestId: string): Promise<void> {
  const requestedAt = Date.now();
  try {
    const { keys, skipped } = await fetchKeys(url, algorithms);
    if (skipped.length > 0) logKeysSkipped({ request_id: requestId, where: "jwks", reason: skipped.join("; ") });
    // An empty set would refuse every token, and clients take that as final; it is more likely a mistake.
    if (keys.length === 0) throw new Error("the key set has no public key for the algorithms of JWT_ALGORITHMS");
    set.keys = keys;
    set.requestedAt = requestedAt;
    set.fetchedAt = Date.now();
    set.failures = 0;
    set.mayFetchAt = Date.now() + COOLDOWN_MS;
  } catch (error) {
    logFault("jwks", error, { request_id: requestId });
    // No jitter: traffic, not a timer, triggers the next fetch.
    set.mayFetchAt = Date.now() + backoffCeiling(set.failures, MIN_BACKOFF_MS, MAX_JWKS_BACKOFF_MS);
    set.failures += 1;
  } finally {
    set.claimedUntil = 0;
  }
}

/** Members are parsed one by one: one that this service cannot use must not affect the others (RFC 7517, section 5). */
const jwks = z.object({ keys: z.array(z.unknown()).max(MAX_KEYS) });

const member = z.looseObject({
  kty: z.string("kty is not a string"),
  kid: z.string("kid is not a string").exactOptional(),
  alg: z.string("alg is not a string").exactOptional(),
  use: z.string("use is not a string").exactOptional(),
});
type Member = z.infer<typeof member>;

/** Parameters of public keys (RFC 7518, section 6; RFC 8037, section 2). */
const PUBLIC_PARAMETERS = ["kty", "crv", "n", "e", "x", "y"] as const;

/** Fetches the key set. @returns Its usable keys, and what the log says of the members it skipped. */
async function fetchKeys(
  url: string,
  algorithms: readonly string[],
): Promise<{ keys: PublicKey[]; skipped: string[] }> {
  const response = await fetch(url, {
    headers: { Accept: "application/jwk-set+json, application/json" },
    // The keys decide who is let in, so only the configured URL may supply them.
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const parsed = jwks.safeParse(parseJson(await readText(response)));
  if (!parsed.success) throw new Error(`the response is not a key set of at most ${MAX_KEYS} keys`);
  const keys: PublicKey[] = [];
  const skipped: string[] = [];
  for (const [index, value] of parsed.data.keys.entries()) {
    const read = await readMember(value, algorithms);
    if (typeof read === "string") skipped.push(`keys[${index}]${kidOf(value)} ${read}`);
    else keys.push(...read);
  }
  return { keys, skipped };
}

/** Returns a member's key, once for each allowed algorithm that it serves; or why it is skipped, without its content. */
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
  return keys.length > 0 ? keys : "is not a public key for an algorithm of JWT_ALGORITHMS";
}

/** Returns a member's `kid` for the log, in quotes, if it has one. */
function kidOf(value: unknown): string {
  const { data } = z.looseObject({ kid: z.string() }).safeParse(value);
  return data ? ` ${JSON.stringify(data.kid.slice(0, MAX_LOGGED_KID_LENGTH))}` : "";
}

function materialOf(jwk: Member): string {
  return JSON.stringify(PUBLIC_PARAMETERS.map((name) => jwk[name]));
}

/** Returns null when the key is for another algorithm, is not public, or cannot be imported. */
async function importPublicKey(jwk: Member, alg: string): Promise<CryptoKey | null> {
  try {
    const key = await importJWK(jwk, alg);
    return key instanceof CryptoKey && key.type === "public" ? key : null;
  } catch {
    return null;
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BYTES) throw new Error(`the response is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Blob(chunks).text();
}
