import pMap from "p-map";
import * as z from "zod";
import { PRODUCTS_CHANNEL } from "../protocol/names.ts";
import { MAX_CONCURRENT_CALLS } from "../protocol/platform-limits.ts";
import type { ChannelCounts, Overview, Totals } from "./contract.ts";

/**
 * A count older than this is confirmed before use, because the runtime may drop sockets without a close event. Asking
 * wakes the channel, which is then billed for about ten seconds, so it happens rarely.
 */
const CONFIRM_AFTER_MS = 12 * 3_600_000;
/** Bounds the cost of one confirmation round; the oldest counts go first. */
const MAX_CONFIRMED_PER_ROUND = 200;
/** How long a reader waits for a confirmation round. Prometheus gives a scrape ten seconds. */
const MAX_CONFIRM_WAIT_MS = 5000;

/** Stored keys. */
const COUNT_PREFIX = "count:";
const VERSION = "version";

const storedCount = z.object({ count: z.int().min(1), confirmedAt: z.number() });
const storedVersion = z.object({ id: z.string(), since: z.number() });

/** A channel's listeners, and when the channel itself last reported them, in milliseconds since 1970. */
type KnownCount = z.infer<typeof storedCount>;

interface PresenceOptions {
  kv: SyncKvStorage;
  /** Identifies the running version of the Worker. */
  versionId: string;
  /** Asks a channel for its current number of listeners. */
  askChannel: (channel: string) => Promise<number>;
  /** Schedules a call of `save` within a few seconds. */
  saveSoon: () => void;
}

/** The number of listeners of each channel, as reported by the channels, and confirmed once a count is old. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #counts = new Map<string, KnownCount>();
  /** When this version of the Worker was first seen. A deploy drops all sockets, so older counts mean nothing. */
  readonly #deployment: z.infer<typeof storedVersion>;
  #isDeploymentSaved: boolean;
  readonly #unsavedChannels = new Set<string>();
  #confirmation: Promise<void> | null = null;

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { kv, versionId } = options;
    for (const [key, value] of kv.list({ prefix: COUNT_PREFIX })) {
      // An unreadable count still says that the channel had listeners; being old, it will be confirmed.
      const known = storedCount.safeParse(value).data ?? { count: 1, confirmedAt: 0 };
      this.#counts.set(key.slice(COUNT_PREFIX.length), known);
    }
    const saved = storedVersion.safeParse(kv.get(VERSION)).data;
    this.#isDeploymentSaved = saved?.id === versionId;
    this.#deployment = saved && this.#isDeploymentSaved ? saved : { id: versionId, since: Date.now() };
  }

  /** Whether no channel has listeners, as far as is known. */
  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** The names of the channels that have listeners, as far as is known. */
  get channels(): string[] {
    return [...this.#counts.keys()];
  }

  /** Records a channel's own report. Saved only when the count has changed. */
  report(channel: string, listeners: number): void {
    const known = this.#counts.get(channel)?.count ?? 0;
    this.#set(channel, listeners);
    if (listeners !== known) this.#saveCount(channel, known === 0 || listeners === 0);
  }

  /** Returns whether any channel has listeners, and confirms first when everything known predates the last deploy. */
  async hasListeners(): Promise<boolean> {
    const counts = [...this.#counts.values()];
    if (counts.every(({ confirmedAt }) => confirmedAt < this.#deployment.since)) await this.#confirm();
    return !this.isEmpty;
  }

  /** Returns confirmed totals, and at most `maxChannels` channels by name. */
  async overview(maxChannels: number): Promise<Overview> {
    await this.#confirm();
    const kinds: Totals = {
      order: { channels: 0, connections: 0 },
      products: { channels: 0, connections: 0 },
    };
    const channels: ChannelCounts = {};
    let listed = 0;
    for (const [channel, { count }] of this.#counts) {
      const kind = kinds[channel === PRODUCTS_CHANNEL ? "products" : "order"];
      kind.channels++;
      kind.connections += count;
      if (listed++ < maxChannels) channels[channel] = count;
    }
    return { kinds, channels };
  }

  /** Writes what has changed, one row per channel. */
  save(): void {
    const { kv } = this.#options;
    for (const channel of this.#unsavedChannels) {
      const known = this.#counts.get(channel);
      if (known) kv.put(`${COUNT_PREFIX}${channel}`, known);
      else kv.delete(`${COUNT_PREFIX}${channel}`);
    }
    this.#unsavedChannels.clear();
    if (!this.#isDeploymentSaved) kv.put(VERSION, this.#deployment);
    this.#isDeploymentSaved = true;
  }

  /** Confirms old counts. Simultaneous readers share one round, because asking wakes the channels. */
  #confirm(): Promise<void> {
    this.#confirmation ??= this.#confirmOldest().finally(() => {
      this.#confirmation = null;
    });
    return this.#confirmation;
  }

  async #confirmOldest(): Promise<void> {
    const tooOld = Math.max(this.#deployment.since, Date.now() - CONFIRM_AFTER_MS);
    const oldest = [...this.#counts]
      .filter(([, { confirmedAt }]) => confirmedAt < tooOld)
      .sort(([, a], [, b]) => a.confirmedAt - b.confirmedAt)
      .slice(0, MAX_CONFIRMED_PER_ROUND);
    if (oldest.length === 0) return;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), MAX_CONFIRM_WAIT_MS);
    await pMap(oldest, ([channel, known]) => this.#confirmOne(channel, known), {
      concurrency: MAX_CONCURRENT_CALLS,
      stopOnError: false,
      signal: deadline.signal,
    }).catch(() => {
      // Channels that did not answer are asked again in the next round.
    });
    clearTimeout(timer);
  }

  async #confirmOne(channel: string, known: KnownCount): Promise<void> {
    const listeners = await this.#options.askChannel(channel);
    // A report that arrived while waiting for this answer is newer.
    if (this.#counts.get(channel) !== known) return;
    this.#set(channel, listeners);
    // Saved even if unchanged, so that the channel is not asked again when this object wakes.
    this.#saveCount(channel, listeners === 0);
  }

  #set(channel: string, listeners: number): void {
    if (listeners > 0) this.#counts.set(channel, { count: listeners, confirmedAt: Date.now() });
    else this.#counts.delete(channel);
  }

  /**
   * @param isUrgent Set for the first listener and after the last one: a crash must not lose whether a channel has
   * listeners, because the channel will not report that again.
   */
  #saveCount(channel: string, isUrgent: boolean): void {
    this.#unsavedChannels.add(channel);
    if (isUrgent) this.save();
    else this.#options.saveSoon();
  }
}
