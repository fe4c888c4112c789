import pMap from "p-map";
import * as z from "zod";
import { PRODUCTS_CHANNEL } from "../protocol/names.ts";
import { MAX_CONCURRENT_CALLS } from "../protocol/platform-limits.ts";
import { channelOfObject } from "../protocol/shards.ts";
import { withinTimeLimit } from "../runtime/time-limit.ts";
import { logFault } from "../telemetry/log.ts";
import type { ChannelCounts, Overview, Totals } from "./contract.ts";
import { type KnownCount, StoredCounts } from "./stored-counts.ts";

/**
 * A count older than this is confirmed before use, because the runtime may drop sockets without a close event. Asking
 * costs a request and a few milliseconds of the channel: the idle time after that is not billed (Durable Objects pricing).
 */
const CONFIRM_AFTER_MS = 15 * 60_000;
/** Bounds the cost of one confirmation round. */
const MAX_CONFIRMED_PER_ROUND = 200;
/** How long a reader waits for a confirmation round. Prometheus gives a scrape ten seconds. */
export const MAX_CONFIRM_WAIT_MS = 5000;

/** Stored key. */
const VERSION = "version";

const storedVersion = z.object({ id: z.string(), since: z.number() });

interface PresenceOptions {
  kv: SyncKvStorage;
  /** Identifies the running version of the Worker. */
  versionId: string;
  /** Asks an object for its current number of listeners. */
  askObject: (name: string) => Promise<number>;
  /** Schedules a call of `save` within a minute. */
  saveSoon: () => void;
  /** Called when an object of a channel had fewer listeners than it had reported. */
  onLost: (channel: string, lost: number) => void;
}

/**
 * The number of listeners of each object with sockets, as reported by the objects, and confirmed once a count is old. The
 * products channel may have several objects: its root and shards.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #stored: StoredCounts;
  readonly #counts: Map<string, KnownCount>;
  /**
   * When this version of the Worker was first seen. A deploy closes the sockets of busy objects and keeps those of
   * hibernating ones, so older counts are kept, and confirmed before use.
   */
  readonly #deployment: z.infer<typeof storedVersion>;
  #isDeploymentSaved: boolean;
  #confirmation: Promise<void> | null = null;

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { kv, versionId } = options;
    this.#stored = new StoredCounts(kv);
    this.#counts = this.#stored.load();
    const saved = storedVersion.safeParse(kv.get(VERSION)).data;
    this.#isDeploymentSaved = saved?.id === versionId;
    this.#deployment = saved && this.#isDeploymentSaved ? saved : { id: versionId, since: Date.now() };
  }

  /** Whether no object has listeners, according to the last reports. */
  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** The names of the channels that have listeners, according to the last reports. */
  get channels(): string[] {
    return [...new Set([...this.#counts.keys()].map(channelOfObject))];
  }

  /** Records an object's own report. Saved only when the count has changed. */
  report(name: string, listeners: number): void {
    const known = this.#counts.get(name)?.count ?? 0;
    this.#set(name, listeners);
    if (listeners !== known) this.#saveCount(name, known === 0 || listeners === 0);
  }

  /** Returns whether any object has listeners, and confirms first when all counts are old. */
  async hasListeners(): Promise<boolean> {
    const trustedSince = this.#trustedSince();
    if (this.#counts.values().every(({ confirmedAt }) => confirmedAt < trustedSince)) await this.#confirm();
    return !this.isEmpty;
  }

  /**
   * Confirms old counts, as many as one round allows, then returns the totals, and the listeners of the products and of at
   * most `maxOrders` orders.
   */
  async overview(maxOrders: number): Promise<Overview> {
    await this.#confirm();
    const kinds: Totals = {
      order: { channels: 0, connections: 0 },
      products: { channels: 0, connections: 0 },
    };
    const channels: ChannelCounts = {};
    for (const [name, { count }] of this.#counts) {
      const channel = channelOfObject(name);
      const kind = kinds[channel === PRODUCTS_CHANNEL ? "products" : "order"];
      // The products are one channel, however many objects have its listeners.
      kind.channels = channel === PRODUCTS_CHANNEL ? 1 : kind.channels + 1;
      kind.connections += count;
      if (channel !== PRODUCTS_CHANNEL && kind.channels > maxOrders) continue;
      channels[channel] = (channels[channel] ?? 0) + count;
    }
    return { kinds, channels };
  }

  /** Writes what has changed since the last save: one row, as a rule. */
  save(): void {
    this.#stored.save();
    if (!this.#isDeploymentSaved) this.#options.kv.put(VERSION, this.#deployment);
    this.#isDeploymentSaved = true;
  }

  /** Returns since when counts are used as they are, in milliseconds since 1970; older ones are confirmed first. */
  #trustedSince(): number {
    return Math.max(this.#deployment.since, Date.now() - CONFIRM_AFTER_MS);
  }

  /** Confirms old counts. Simultaneous readers share one round, because asking wakes the objects. */
  #confirm(): Promise<void> {
    this.#confirmation ??= this.#confirmSome().finally(() => {
      this.#confirmation = null;
    });
    return this.#confirmation;
  }

  async #confirmSome(): Promise<void> {
    const trustedSince = this.#trustedSince();
    const old = [...this.#counts].filter(([, { confirmedAt }]) => confirmedAt < trustedSince);
    if (old.length === 0) return;
    // In random order: objects that always fail stay the oldest, and would otherwise fill every round.
    const asked = old
      .map((entry) => ({ entry, order: Math.random() }))
      .sort((a, b) => a.order - b.order)
      .slice(0, MAX_CONFIRMED_PER_ROUND);
    const failures: { name: string; error: unknown }[] = [];
    const confirm = async (name: string, known: KnownCount) => {
      try {
        await this.#confirmOne(name, known);
      } catch (error) {
        failures.push({ name, error });
      }
    };
    const deadline = new AbortController();
    const round = pMap(asked, ({ entry }) => confirm(...entry), {
      concurrency: MAX_CONCURRENT_CALLS,
      signal: deadline.signal,
    }).catch(() => {
      // The deadline has passed. A later round asks the objects that did not answer.
    });
    await withinTimeLimit(round, MAX_CONFIRM_WAIT_MS, () => deadline.abort());
    // One line per round, however many objects fail.
    const [first] = failures;
    if (first) logFault("listener_counts", first.error, { channel: channelOfObject(first.name) });
  }

  async #confirmOne(name: string, known: KnownCount): Promise<void> {
    const listeners = await this.#options.askObject(name);
    // A report that arrived while waiting for this answer is newer.
    if (this.#counts.get(name) !== known) return;
    if (listeners < known.count) this.#options.onLost(channelOfObject(name), known.count - listeners);
    this.#set(name, listeners);
    // Saved even if unchanged, so that the object is not asked again when the registry wakes.
    this.#saveCount(name, listeners === 0);
  }

  #set(name: string, listeners: number): void {
    if (listeners > 0) this.#counts.set(name, { count: listeners, confirmedAt: Date.now() });
    else this.#counts.delete(name);
  }

  /**
   * @param isUrgent Set for the first listener and after the last one: a crash must not lose whether an object has
   * listeners, because the object will not report that again.
   */
  #saveCount(name: string, isUrgent: boolean): void {
    const known = this.#counts.get(name);
    if (isUrgent || !known) {
      this.#stored.put(name, known);
    } else {
      this.#stored.note(name, known);
      this.#options.saveSoon();
    }
  }
}
