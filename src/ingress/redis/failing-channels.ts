import { backoffCeiling } from "../../protocol/backoff.ts";
import type { RelayStore } from "./relay-store.ts";

/** Back-off of a failing channel. Without jitter: there is only one relay, and it limits its own concurrency. */
const BASE_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** After this many failures while the platform worked, the channel's events become dead letters: about four hours. */
export const MAX_TRIES = 500;
/** How long a delivery to another channel shows that the platform works. */
const EVIDENCE_MS = 60_000;
/** What may wait for a failing channel: further events become dead letters, or remain in the stream while it is busy. */
export const MAX_ROWS_PER_CHANNEL = 1000;
/** What may wait for all channels together: then nothing more is read, or failing channels are full. */
export const MAX_WAITING_ROWS = 10_000;
/** Shorter failures do not degrade the service's health, such as while an object is moved. */
const DEGRADED_AFTER_MS = 60_000;

/** Why a channel took no events: its own code failed, it did not answer, or it has too much to send to its listeners. */
type Failure = "thrown" | "unreachable" | "busy";

interface Failing {
  channel: string;
  /** When it began to fail, in milliseconds since 1970. */
  since: number;
  /** How often it has failed while the platform worked. */
  tries: number;
  /** The last failure; `unreachable` when that is not known. */
  failure: Failure;
  /** All failures in a row, whether they count as `tries` or not: they set the back-off. */
  failures: number;
  /** In milliseconds since 1970. */
  retryAt: number;
}

/**
 * Knows which channels take no events at the moment. A failure counts towards giving up only while the platform works:
 * when the channel's own code failed, or another channel took events lately. So neither an outage of the platform nor a
 * busy channel ever makes dead letters; then reading stops, and the entries wait in the stream.
 */
export class FailingChannels {
  readonly #store: RelayStore;
  /** Has the table `failing`, so that the relay knows the failing channels after an eviction. */
  readonly #sql: SqlStorage;
  readonly #channels = new Map<string, Failing>();
  #deliveredAt = Number.NEGATIVE_INFINITY;

  constructor(store: RelayStore, sql: SqlStorage) {
    this.#store = store;
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS failing (channel TEXT PRIMARY KEY, since INTEGER NOT NULL, tries INTEGER NOT NULL) WITHOUT ROWID",
    );
    for (const row of sql.exec("SELECT channel, since, tries FROM failing").toArray()) {
      const [channel, since, tries] = [String(row.channel), Number(row.since), Number(row.tries)];
      this.#channels.set(channel, { channel, since, tries, failure: "unreachable", failures: tries, retryAt: 0 });
    }
  }

  has(channel: string): boolean {
    return this.#channels.has(channel);
  }

  /** When the next one is due, in milliseconds since 1970; Infinity when none is failing. */
  get nextRetryAt(): number {
    return Math.min(...[...this.#channels.values()].map(({ retryAt }) => retryAt));
  }

  /** Names the channels to try again. */
  due(now: number): string[] {
    return [...this.#channels.values()].filter(({ retryAt }) => retryAt <= now).map(({ channel }) => channel);
  }

  /** How many have been failing for longer than a moment. */
  count(now: number): number {
    return [...this.#channels.values()].filter(({ since }) => now - since >= DEGRADED_AFTER_MS).length;
  }

  /** Records a failure. Returns whether to give up the events that were to be delivered. */
  failed(channel: string, failure: Failure, now: number): boolean {
    const known = this.#channels.get(channel) ?? { channel, since: now, tries: 0, failures: 0 };
    const isEvidence = this.#isEvidence(failure, now);
    const tries = known.tries + (isEvidence ? 1 : 0);
    const retryAt = now + backoffCeiling(known.failures, BASE_RETRY_MS, MAX_RETRY_MS);
    this.#channels.set(channel, { ...known, failure, tries, failures: known.failures + 1, retryAt });
    // Stored with each try, because the object is evicted between retries when it has nothing else to do.
    if (isEvidence && tries <= MAX_TRIES) {
      const query = "INSERT OR REPLACE INTO failing (channel, since, tries) VALUES (?, ?, ?)";
      this.#sql.exec(query, channel, known.since, tries);
    }
    return isEvidence && tries >= MAX_TRIES;
  }

  /** Records that a channel took events; more may be waiting for it. */
  delivered(channel: string, now: number): void {
    this.#deliveredAt = now;
    this.recovered(channel);
  }

  /** Records that a channel is not failing: it took events, or none wait for it. */
  recovered(channel: string): void {
    if (this.#channels.delete(channel)) this.#sql.exec("DELETE FROM failing WHERE channel = ?", channel);
  }

  /** Returns the channels whose further events the outbox does not take. */
  full(now: number): Set<string> {
    const areAllFull = this.#store.waitingRows >= MAX_WAITING_ROWS;
    const full = [...this.#channels.values()]
      .filter(({ failure }) => this.#isEvidence(failure, now))
      .filter(({ channel }) => areAllFull || this.#store.rowsOf(channel) >= MAX_ROWS_PER_CHANNEL);
    return new Set(full.map(({ channel }) => channel));
  }

  /**
   * Returns whether to stop reading: because too much waits for one busy channel; or because too much waits in all, while a
   * channel is busy, or is unreachable and nothing shows that the platform works. Otherwise `full` bounds the outbox.
   */
  isReadingPaused(now: number): boolean {
    const areAllFull = this.#store.waitingRows >= MAX_WAITING_ROWS;
    for (const { channel, failure } of this.#channels.values()) {
      if (failure === "busy" && (areAllFull || this.#store.rowsOf(channel) >= MAX_ROWS_PER_CHANNEL)) return true;
      if (failure === "unreachable" && areAllFull && !this.#isPlatformUp(now)) return true;
    }
    return false;
  }

  /** Whether a failure shows that something is wrong with the channel itself. */
  #isEvidence(failure: Failure, now: number): boolean {
    return failure === "thrown" || (failure === "unreachable" && this.#isPlatformUp(now));
  }

  #isPlatformUp(now: number): boolean {
    return now - this.#deliveredAt < EVIDENCE_MS;
  }
}
