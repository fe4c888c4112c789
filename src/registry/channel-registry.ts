import { DurableObject } from "cloudflare:workers";
import pMap from "p-map";
import * as z from "zod";
import { channelStub, relayStub } from "../channels/directory.ts";
import { configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { PRODUCTS_CHANNEL } from "../protocol/names.ts";
import { writeDataPoints } from "../telemetry/analytics.ts";
import { type CounterSnapshot, Counters, counterSnapshot } from "../telemetry/counters.ts";
import { logFault } from "../telemetry/log.ts";
import type { ChannelCounts, Overview, RegistryRpc } from "./contract.ts";

/**
 * A count is asked for again when nobody has confirmed it for so long, because the runtime may drop sockets without a
 * close event. Asking wakes a channel, which then costs for ten seconds: often enough to be right, and no oftener.
 */
const CONFIRM_AFTER_MS = 12 * 3_600_000;
/** How many counts one reading confirms at most, and how many at a time. */
const MAX_CONFIRMED_AT_ONCE = 200;
const MAX_CHANNELS_AT_ONCE = 6;
/** So long a reading waits for them; Prometheus waits for ten seconds. */
const MAX_CONFIRM_WAIT_MS = 5000;
/** The relay is woken by the first listener, and looked after by later ones this often. */
const WAKE_RELAY_MS = 30_000;
/** What changes is written down at once, and then at most this often: each channel, and all counters together, are a row. */
const SAVE_INTERVAL_MS = 5000;
/** Keys in storage. */
const COUNT = "count:";
const GAP_AT = "gap_at";
const COUNTED = "counted";
const VERSION = "version";

const storedCount = z.object({ count: z.int().min(1), confirmedAt: z.number() });
const storedVersion = z.object({ id: z.string(), since: z.number() });

/** A channel's listeners, and when the channel itself last said so, in milliseconds since 1970. */
type KnownCount = z.infer<typeof storedCount>;

/**
 * Knows how many listeners channels have and what they have counted, because they tell it. There are a few of them
 * (`registryStubs`), each for its share of the channels, so that none has to know everything.
 */
export class ChannelRegistry extends DurableObject<Env> implements RegistryRpc {
  readonly #counts = new Map<string, KnownCount>();
  readonly #counted = new Counters();
  /** When this version of the Worker was first seen: a deploy drops all sockets, so older counts mean nothing. */
  readonly #deployment: z.infer<typeof storedVersion>;
  #isDeploymentKept: boolean;
  #savedAt = Number.NEGATIVE_INFINITY;
  #isSaving = false;
  /** Channels whose count is not written down yet. */
  readonly #unsaved = new Set<string>();
  #areCountersUnsaved = false;
  /** The last gap that it was asked to tell of, and who does not know yet; null after a wake. */
  #gap: { at: number; untold: Set<string> } | null = null;
  #wokenAt = 0;
  #confirming: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    for (const [key, value] of ctx.storage.kv.list({ prefix: COUNT })) {
      // What another version wrote says that there was somebody: the channel is asked.
      this.#counts.set(key.slice(COUNT.length), storedCount.safeParse(value).data ?? { count: 1, confirmedAt: 0 });
    }
    this.#counted.add(counterSnapshot.safeParse(ctx.storage.kv.get(COUNTED)).data ?? {});
    const id = env.CF_VERSION_METADATA?.id ?? "";
    const kept = storedVersion.safeParse(ctx.storage.kv.get(VERSION)).data;
    this.#isDeploymentKept = kept?.id === id;
    this.#deployment = kept && this.#isDeploymentKept ? kept : { id, since: Date.now() };
  }

  /**
   * A channel tells its count, and what it has counted since it last told.
   * @returns When the last gap in the stream was found, in milliseconds since 1970; 0 when there was none.
   */
  async report(channel: string, count: number, counted: CounterSnapshot): Promise<number> {
    const isFirst = this.#counts.size === 0;
    this.#set(channel, count);
    await this.add(counted);
    const isRelayDue = isFirst || Date.now() - this.#wokenAt > WAKE_RELAY_MS;
    if (count > 0 && configOf(this.env).redis && isRelayDue) {
      this.#wokenAt = Date.now();
      // Nobody waits for it, and who cannot be woken now is woken by the next, or by the watchdog.
      this.ctx.waitUntil(
        relayStub(this.env)
          .wake()
          .catch(() => {}),
      );
    }
    return this.ctx.storage.kv.get<number>(GAP_AT) ?? 0;
  }

  /** Adds what was counted outside of channels. */
  async add(counted: CounterSnapshot): Promise<void> {
    if (Object.keys(counted).length === 0) return;
    this.#counted.add(counted);
    try {
      writeDataPoints(this.env.ANALYTICS, counted);
    } catch (error) {
      // They are counted here: whoever reported them must not report them again.
      logFault("analytics", error);
    }
    this.#areCountersUnsaved = true;
    this.#saveSoon();
  }

  /** Whether anybody listens to anything. When all that is known is from before a deploy, it is asked for again first. */
  async isHeard(): Promise<boolean> {
    const counts = [...this.#counts.values()];
    if (counts.every(({ confirmedAt }) => confirmedAt < this.#deployment.since)) await this.#confirmOld();
    return this.#counts.size > 0;
  }

  /**
   * The relay found a gap in the stream: every channel that has listeners is told, the others when they report.
   * @throws when a channel could not be told; asked again, it tells those alone.
   */
  async gap(gapAt: number): Promise<void> {
    if (this.#gap?.at !== gapAt) {
      this.ctx.storage.kv.put(GAP_AT, gapAt);
      this.#gap = { at: gapAt, untold: new Set(this.#counts.keys()) };
    }
    const { untold } = this.#gap;
    await pMap(
      [...untold],
      async (channel) => {
        await channelStub(this.env, channel)?.gap(gapAt);
        untold.delete(channel);
      },
      { concurrency: MAX_CHANNELS_AT_ONCE, stopOnError: false },
    );
  }

  /** @param maxChannels How many channels to list by name. */
  async overview(maxChannels: number): Promise<Overview> {
    await this.#confirmOld();
    const kinds: Overview["kinds"] = {
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

  /** Everything that was ever counted here, and who listens now. */
  async metrics(): Promise<{ counted: CounterSnapshot; kinds: Overview["kinds"] }> {
    const { kinds } = await this.overview(0);
    return { counted: this.#counted.all, kinds };
  }

  /** Whoever looks meanwhile waits for the same answers: asking wakes channels, and anybody may look. */
  #confirmOld(): Promise<void> {
    this.#confirming ??= this.#askOld().finally(() => {
      this.#confirming = null;
    });
    return this.#confirming;
  }

  async #askOld(): Promise<void> {
    const tooOld = Math.max(this.#deployment.since, Date.now() - CONFIRM_AFTER_MS);
    const old = [...this.#counts]
      .filter(([, { confirmedAt }]) => confirmedAt < tooOld)
      .sort(([, a], [, b]) => a.confirmedAt - b.confirmedAt)
      .slice(0, MAX_CONFIRMED_AT_ONCE);
    if (old.length === 0) return;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), MAX_CONFIRM_WAIT_MS);
    await pMap(
      old,
      async ([channel, known]) => {
        const count = await channelStub(this.env, channel)?.connections();
        // A report that came meanwhile is newer than this answer.
        if (this.#counts.get(channel) === known) this.#set(channel, count ?? 0, true);
      },
      {
        concurrency: MAX_CHANNELS_AT_ONCE,
        stopOnError: false,
        signal: patience.signal,
      },
    ).catch(() => {
      // Who did not answer is asked again the next time.
    });
    clearTimeout(timer);
  }

  /** @param isAsked Whether the channel was asked: that is written down, too, so that it is not asked again after a wake. */
  #set(channel: string, count: number, isAsked = false): void {
    const known = this.#counts.get(channel)?.count ?? 0;
    if (count > 0) this.#counts.set(channel, { count, confirmedAt: Date.now() });
    else this.#counts.delete(channel);
    if (count === known && !isAsked) return;
    this.#unsaved.add(channel);
    // Whether anybody listens has to outlive a crash: the channel believes from then on that it is known.
    if (known === 0 || count === 0) this.#writeDownChannels();
    else this.#saveSoon();
  }

  #saveSoon(): void {
    if (!this.#isSaving) this.ctx.waitUntil(this.#save());
  }

  /** While it waits, the runtime lets no object hibernate; a crash loses counters, and by how many a count changed. */
  async #save(): Promise<void> {
    this.#isSaving = true;
    try {
      const wait = Math.min(this.#savedAt + SAVE_INTERVAL_MS - Date.now(), SAVE_INTERVAL_MS);
      if (wait > 0) await scheduler.wait(wait);
      this.#writeDown();
    } finally {
      this.#savedAt = Date.now();
      this.#isSaving = false;
    }
  }

  #writeDown(): void {
    this.#writeDownChannels();
    if (this.#areCountersUnsaved) this.ctx.storage.kv.put(COUNTED, this.#counted.all);
    this.#areCountersUnsaved = false;
  }

  #writeDownChannels(): void {
    const { kv } = this.ctx.storage;
    for (const channel of this.#unsaved) {
      const known = this.#counts.get(channel);
      if (known) kv.put(`${COUNT}${channel}`, known);
      else kv.delete(`${COUNT}${channel}`);
    }
    this.#unsaved.clear();
    if (!this.#isDeploymentKept) kv.put(VERSION, this.#deployment);
    this.#isDeploymentKept = true;
  }
}
