import { importJWK } from "jose";
import * as z from "zod";
import { isHmac } from "../../config/credentials.ts";
import { logFault } from "../../telemetry/log.ts";

/**
 * The public keys at `JWKS_URL` (RFC 7517), kept in the isolate's memory. Requests share values and never a promise:
 * the runtime forbids one request to wait for another's I/O. Whoever finds that a fetch is due claims it in one
 * synchronous step; the others use what is there, or look again until it is.
 */

/** A set is used without asking for so long; a key that was removed is good until then. */
export const FRESH_MS = 10 * 60_000;
/** While the endpoint fails, a set is used for so long after it was fetched, and no longer. */
export const STALE_MS = 60 * 60_000;
/** A token that names a key that is not in the set has the set fetched again, at most once in this time. */
export const COOLDOWN_MS = 30_000;
/** After a failure nobody asks for so long; each further one doubles it, up to the maximum. */
export const MIN_BACKOFF_MS = 5_000;
export const MAX_BACKOFF_MS = 60_000;
const TIMEOUT_MS = 5_000;
/** A claim whose request was cancelled by its client is nobody's after this. */
const CLAIM_MS = TIMEOUT_MS + 1_000;
/** Those who wait for somebody else's fetch look whether it is there after so long, then twice that, up to the maximum. */
const FIRST_LOOK_MS = 20;
const MAX_LOOK_MS = 320;
const MAX_BYTES = 64 * 1024;
const MAX_KEYS = 50;

/** What a token says of the key it was signed with. */
export interface KeyHint {
  alg: string;
  kid?: string | undefined;
}

/** The key, or why there is none: it does not exist, nobody may ask for it yet, or nobody can be asked now. */
export type FoundKey =
  | { ok: true; key: CryptoKey }
  | { ok: false; fault: "unknown_key" | "key_not_known_yet" | "keys_unavailable" };

interface PublicKey {
  kid: string | undefined;
  alg: string;
  key: CryptoKey;
}

/** What is known of one endpoint. Times are in milliseconds since 1970. */
interface Known {
  keys: PublicKey[];
  /** When the keys were fetched; 0 when they never were. */
  fetchedAt: number;
  /** When that fetch began. */
  askedAt: number;
  /** Nobody fetches before this: a cooldown after a success, a back-off after failures. */
  mayFetchAt: number;
  /** Somebody is fetching until this; 0 when nobody is. */
  claimedUntil: number;
  /** In a row. */
  failures: number;
}

const known = new Map<string, Known>();

/**
 * The public key that verifies a token.
 * @param algorithms Those that are allowed; of these the HMAC ones never reach a public key.
 */
export async function findPublicKey(url: string, algorithms: readonly string[], hint: KeyHint): Promise<FoundKey> {
  const begunAt = Date.now();
  const state = known.get(url) ?? { keys: [], fetchedAt: 0, askedAt: 0, mayFetchAt: 0, claimedUntil: 0, failures: 0 };
  known.set(url, state);
  const age = () => Date.now() - state.fetchedAt;
  let key = pick(state, hint);
  if (key && age() < FRESH_MS) return { ok: true, key };

  if (Date.now() >= Math.max(state.mayFetchAt, state.claimedUntil)) {
    state.claimedUntil = Date.now() + CLAIM_MS;
    await refetch(state, url, algorithms);
  } else if (!key || age() >= STALE_MS) {
    // Timers of its own, because the fetch is another request's.
    for (let wait = FIRST_LOOK_MS; Date.now() < state.claimedUntil; wait = Math.min(wait * 2, MAX_LOOK_MS)) {
      await scheduler.wait(wait);
    }
  }
  key = pick(state, hint);
  if (key && age() < STALE_MS) return { ok: true, key };
  const isCurrent = state.fetchedAt > 0 && state.failures === 0 && age() < FRESH_MS;
  if (!isCurrent) return { ok: false, fault: "keys_unavailable" };
  // A key is shown before it signs, so a set that was asked for after the token came tells that its key does not exist.
  // An older one does not: with a made-up kid every 30 seconds a stranger keeps others from asking, and "invalid" ends
  // a client for good. A token without a kid names no key that could still come, and one whose kid is another
  // algorithm's names a key that is there.
  const { kid } = hint;
  const isJudged = kid === undefined || state.keys.some((other) => other.kid === kid) || state.askedAt >= begunAt;
  return { ok: false, fault: isJudged ? "unknown_key" : "key_not_known_yet" };
}

/** A token without `kid` is verified only where there is no choice. */
function pick({ keys }: Known, { alg, kid }: KeyHint): CryptoKey | null {
  const matching = keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid));
  return matching.length === 1 ? (matching[0]?.key ?? null) : null;
}

async function refetch(state: Known, url: string, algorithms: readonly string[]): Promise<void> {
  const askedAt = Date.now();
  try {
    state.keys = await fetchKeys(url, algorithms);
    state.askedAt = askedAt;
    state.fetchedAt = Date.now();
    state.failures = 0;
    state.mayFetchAt = Date.now() + COOLDOWN_MS;
  } catch (error) {
    logFault("jwks", error);
    state.mayFetchAt = Date.now() + Math.min(MIN_BACKOFF_MS * 2 ** state.failures, MAX_BACKOFF_MS);
    state.failures += 1;
  } finally {
    state.claimedUntil = 0;
  }
}

const keySet = z.object({
  keys: z
    .array(
      z.looseObject({
        kty: z.string(),
        kid: z.string().exactOptional(),
        alg: z.string().exactOptional(),
        use: z.string().exactOptional(),
      }),
    )
    .max(MAX_KEYS),
});

async function fetchKeys(url: string, algorithms: readonly string[]): Promise<PublicKey[]> {
  const response = await fetch(url, {
    headers: { Accept: "application/jwk-set+json, application/json" },
    // Whoever can redirect it could let anybody in.
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const set = keySet.safeParse(parseJson(await readText(response)));
  if (!set.success) throw new Error(`it is no key set of at most ${MAX_KEYS} keys`);
  const keys: PublicKey[] = [];
  for (const jwk of set.data.keys) {
    for (const alg of algorithms) {
      const key = isHmac(alg) ? null : await importPublicKey(jwk, alg);
      if (key) keys.push({ kid: jwk.kid, alg, key });
    }
  }
  // An empty set would turn every token away for good; it is more likely a mistake.
  if (keys.length === 0) throw new Error("it has no public key for the algorithms of JWT_ALGORITHMS");
  return keys;
}

/** @returns null when the key is for another algorithm or use, is private or secret, or cannot be read. */
async function importPublicKey(jwk: z.infer<typeof keySet>["keys"][number], alg: string): Promise<CryptoKey | null> {
  if ((jwk.alg ?? alg) !== alg || (jwk.use ?? "sig") !== "sig") return null;
  try {
    const key = await importJWK(jwk, alg);
    return key instanceof CryptoKey && key.type === "public" ? key : null;
  } catch {
    return null;
  }
}

/** @returns null when it is none: what a parser says of it holds a piece of it, and would be logged. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Blob(chunks).text();
}
