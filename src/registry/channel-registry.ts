import { DurableObject } from "cloudflare:workers";
import { channelStub, socketObjectStub } from "../channels/directory.ts";
import { configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { relayStub } from "../ingress/redis/directory.ts";
import { PRODUCTS_CHANNEL } from "../protocol/names.ts";
import { writeDataPoints } from "../telemetry/analytics.ts";
import { type CounterSnapshot, Counters } from "../telemetry/counters.ts";
import { logFault } from "../telemetry/log.ts";
import { recordConnectionsLost } from "../telemetry/record.ts";
import type { Overview, RegistryRpc, Totals } from "./contract.ts";
import { CounterTotals } from "./counter-totals.ts";
import { DeferredSave } from "./deferred-save.ts";
import { GapNotifier } from "./gap-notifier.ts";
import { Presence } from "./presence.ts";

/** How often reports of listeners wake the relay, which revives a relay that has lost its alarm. */
const WAKE_INTERVAL_MS = 30_000;

/**
 * Keeps the number of listeners that each channel reports, and the counters of the whole service. Channels are spread
 * over several registries (`registryStubs`), so that no single object has to know all of them.
 */
export class ChannelRegistry extends DurableObject<Env> implements RegistryRpc {
  readonly #presence: Presence;
  readonly #totals: CounterTotals;
  readonly #gaps: GapNotifier;
  readonly #deferredSave: DeferredSave;
  #relayWokenAt = Number.NEGATIVE_INFINITY;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { kv } = ctx.storage;
    this.#presence = new Presence({
      kv,
      versionId: env.CF_VERSION_METADATA?.id ?? "",
      askObject: async (name) => (await socketObjectStub(env, name)?.countListeners()) ?? 0,
      saveSoon: () => this.#deferredSave.schedule(),
      onLost: (channel, lost) => {
        const counts = new Counters();
        recordConnectionsLost(counts, channel === PRODUCTS_CHANNEL ? "products" : "order", lost);
        this.#count(counts.take());
      },
    });
    this.#totals = new CounterTotals(kv);
    this.#gaps = new GapNotifier(kv, async (channel, gapAt) => channelStub(env, channel)?.declareGap(gapAt));
    this.#deferredSave = new DeferredSave(
      () => {
        this.#presence.save();
        this.#totals.save();
      },
      (promise) => ctx.waitUntil(promise),
    );
  }

  async report(name: string, listeners: number, counted: CounterSnapshot): Promise<number> {
    const isFirst = this.#presence.isEmpty;
    this.#presence.report(name, listeners);
    await this.addCounts(counted);
    if (listeners > 0) this.#wakeRelay(isFirst);
    return this.#gaps.lastGapAt;
  }

  /** Wakes the stream relay for the first listener at once, and for later ones at intervals. */
  #wakeRelay(isFirst: boolean): void {
    if (!isFirst && Date.now() - this.#relayWokenAt <= WAKE_INTERVAL_MS) return;
    this.#relayWokenAt = Date.now();
    if (!configOf(this.env).redis) return;
    const woken = relayStub(this.env).wake();
    // Not awaited. If the relay cannot be woken now, a later report or the watchdog wakes it.
    this.ctx.waitUntil(woken.catch(() => {}));
  }

  async addCounts(counted: CounterSnapshot): Promise<void> {
    if (Object.keys(counted).length > 0) this.#count(counted);
  }

  #count(counted: CounterSnapshot): void {
    this.#totals.add(counted);
    try {
      writeDataPoints(this.env.ANALYTICS, counted);
    } catch (error) {
      // Not rethrown: the counts are recorded here, and the caller must not report them again.
      logFault("analytics", error);
    }
    this.#deferredSave.schedule();
  }

  async hasListeners(): Promise<boolean> {
    return this.#presence.hasListeners();
  }

  async notifyGap(gapAt: number): Promise<void> {
    await this.#gaps.notify(gapAt, this.#presence.channels);
  }

  async overview(maxOrders: number): Promise<Overview> {
    return this.#presence.overview(maxOrders);
  }

  async metrics(): Promise<{ counted: CounterSnapshot; kinds: Totals }> {
    const { kinds } = await this.#presence.overview(0);
    return { counted: this.#totals.all, kinds };
  }
}
