import type { KeySource } from "../../config/issuers.ts";
import { backoffCeiling } from "../../protocol/backoff.ts";
import { logFault, logKeysSkipped } from "../../telemetry/log.ts";
import { discoverKeySet } from "./discovery.ts";
import { fetchKeys, type PublicKey } from "./key-set.ts";

/**
 * The public keys of login services (RFC 7517), cached in the isolate's memory.
 *
 * Requests share values and never a promise, because the runtime forbids one request to await another's I/O. The first
 * request that finds a fetch due claims it in one synchronous step; others use the cached keys, or poll until it is done.
 */

/** Keys are used without a fetch for this long. A key removed from the set stays valid until then. */
export const FRESH_MS = 10 * 60_000;
/** While the endpoint fails, keys are used for this long after they were requested. */
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
/** Keys tried for one token. Bounds the verifications that a caller with a made-up token can cause. */
const MAX_KEYS_TRIED = 4;

/** What a token's header states about its key. */
export interface KeyHint {
  alg: string;
  kid?: string | undefined;
}

/** The keys to try, at least one, or why there are none; `TokenReason` explains each reason. */
export type FoundKeys =
  | { ok: true; keys: CryptoKey[] }
  | { ok: false; reason: "unknown_key" | "key_not_known_yet" | "keys_unavailable" };

/** The cached keys of one source. Times are in milliseconds since 1970. */
interface KeySet {
  keys: PublicKey[];
  /** When the last successful fetch began; 0 when there was none. */
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
  return { keys: [], requestedAt: 0, mayFetchAt: 0, claimedUntil: 0, failures: 0 };
}

/**
 * Finds the public keys that may verify a token.
 * @param algorithms The allowed algorithms. HMAC algorithms among them are ignored.
 * @param requestId The request that the token belongs to, for the log.
 */
export async function findPublicKeys(
  source: KeySource,
  algorithms: readonly string[],
  hint: KeyHint,
  requestId: string,
): Promise<FoundKeys> {
  const startedAt = Date.now();
  const name = `${source.kind} ${source.url}`;
  const set = keySets.get(name) ?? emptyKeySet();
  keySets.set(name, set);
  const age = () => Date.now() - set.requestedAt;
  let keys = pick(set, hint);
  if (keys.length > 0 && age() < FRESH_MS) return { ok: true, keys };

  if (Date.now() >= Math.max(set.mayFetchAt, set.claimedUntil)) {
    set.claimedUntil = Date.now() + CLAIM_MS;
    await refetch(set, source, algorithms, requestId);
  } else if (keys.length === 0 || age() >= STALE_MS) {
    // Polls with this request's own timers. No jitter: looking at memory puts no load on anything.
    for (let polls = 0; Date.now() < set.claimedUntil; polls++) {
      await scheduler.wait(backoffCeiling(polls, MIN_CLAIM_POLL_MS, MAX_CLAIM_POLL_MS));
    }
  }
  keys = pick(set, hint);
  if (keys.length > 0 && age() < STALE_MS) return { ok: true, keys };
  const isCurrent = set.failures === 0 && age() < FRESH_MS;
  if (!isCurrent) return { ok: false, reason: "keys_unavailable" };
  return { ok: false, reason: isConclusive(set, hint, startedAt) ? "unknown_key" : "key_not_known_yet" };
}

/**
 * Returns whether a current set without a matching key proves that the token is invalid: a final refusal for clients.
 *
 * Issuers publish a key before they sign with it, so a set requested after the token arrived is proof. An older set is
 * not: a client that sends a made-up `kid` every 30 seconds keeps the cooldown from ending for others. A token without
 * `kid` cannot show that its key is new, so its issuer must publish keys `FRESH_MS` ahead; and a known `kid` with another
 * algorithm is not a new key.
 */
function isConclusive({ keys, requestedAt }: KeySet, { kid }: KeyHint, startedAt: number): boolean {
  return kid === undefined || keys.some((key) => key.kid === kid) || requestedAt >= startedAt;
}

/**
 * Returns the matching keys, without duplicates. Several match when a `kid` is used twice, which RFC 7517 (section 4.5)
 * allows, or when a token without `kid` arrives during a rotation; each is tried (RFC 7515, appendix D).
 */
function pick({ keys }: KeySet, { alg, kid }: KeyHint): CryptoKey[] {
  const matching = keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid));
  const distinct = new Map(matching.map(({ material, key }) => [material, key]));
  return [...distinct.values()].slice(0, MAX_KEYS_TRIED);
}

async function refetch(
  set: KeySet,
  source: KeySource,
  algorithms: readonly string[],
  requestId: string,
): Promise<void> {
  const requestedAt = Date.now();
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    // Discovered on each fetch, so that a key set may move.
    const url = source.kind === "issuer" ? await discoverKeySet(source.url, signal) : source.url;
    const { keys, skipped } = await fetchKeys(url, algorithms, signal);
    if (skipped.length > 0) logKeysSkipped({ request_id: requestId, where: "jwks", reason: skipped.join("; ") });
    // An empty set would refuse every token for good; it is more likely the issuer's mistake.
    if (keys.length === 0) throw new Error("the key set has no public key for the algorithms of JWT_ALGORITHMS");
    set.keys = keys;
    set.requestedAt = requestedAt;
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
