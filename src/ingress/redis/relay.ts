import { DurableObject } from "cloudflare:workers";
import pMap from "p-map";
import { registryStub, registryStubs } from "../../channels/directory.ts";
import { configOf } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import type { Source } from "../../protocol/publish.ts";
import { DOORBELL, entryFields } from "../../protocol/stream.ts";
import { logFault, logPublish, outcomesOf } from "../../telemetry/log.ts";
import { recordRejected } from "../../telemetry/record.ts";
import { Reporter } from "../../telemetry/reporter.ts";
import { deliver } from "../deliver.ts";
import { RedisClient } from "./client.ts";
import type { RelayMetrics, RelayRpc, RelayStatus } from "./contract.ts";
import { RelayStore } from "./relay-store.ts";
import { StreamReader } from "./stream-reader.ts";

/** How what comes through the stream is counted and logged. */
const SOURCE: Source = { via: "redis", key: "" };
const MAX_CHANNELS_AT_ONCE = 6;
/** With so many rows waiting for channels that do not take them, no more is read. */
const MAX_WAITING_ROWS = 10_000;
/** After activity the stream is looked at soon again, then ever less often; the doorbell is what is fast. */
const MIN_POLL_MS = 1000;
const MAX_POLL_MS = 10_000;
/** A subscription may have ended without a word, so it is made anew. */
const RENEW_SUBSCRIPTION_MS = 60_000;
/** A failing channel is tried again after this, doubling up to the maximum. */
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** Health asks Redis itself when nothing has been heard of it for so long. */
const STALE_HEALTH_MS = 5000;
/** So long health waits for Redis to answer; then it says what was known before. */
const MAX_HEALTH_WAIT_MS = 2000;

/**
 * Reads the stream and hands its events to their channels: what is read is kept here first, and the cursor with it, so
 * that a crash anywhere repeats something and loses nothing; channels drop what they have already.
 *
 * Its alarm looks at the stream while somebody listens; the doorbell wakes it at once. When nobody listens it sleeps, but for
 * the watchdog once a minute. There is one.
 */
export class StreamRelay extends DurableObject<Env> implements RelayRpc {
  readonly #client: RedisClient | null;
  readonly #reader: StreamReader | null;
  readonly #reporter: Reporter;
  #store: RelayStore | undefined;
  #running: Promise<void> | null = null;
  #isRungAgain = false;
  #pollMs = MIN_POLL_MS;
  #isHealthy = true;
  #heardAt = 0;
  /** The registry that last knew of a listener. */
  #heardBy = 0;
  #subscription: { end: () => void; since: number } | null = null;
  /** Channels that do not take their events, and when to try again. */
  readonly #failing = new Map<string, { tries: number; retryAt: number }>();
  #isRetrying = false;
  /** Channels that are being handed something right now. */
  readonly #delivering = new Set<string>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { redis } = configOf(env);
    this.#reporter = new Reporter((counted) => registryStub(env, "relay").addCounts(counted));
    this.#client = redis && new RedisClient(redis);
    this.#reader = redis && this.#client && new StreamReader(this.#client, this.#kept, redis.stream);
  }

  /** Somebody listens, rang, or looks after it: reads what there is, and goes on from there. */
  async wake(): Promise<void> {
    if (this.#reader) await this.#noted(() => this.#work());
  }

  async status(): Promise<RelayStatus> {
    if (!this.#reader) return { redis: "disabled", waiting: 0, gaps: 0, deadLetters: 0 };
    if (Date.now() - this.#heardAt > STALE_HEALTH_MS) {
      const woken = this.wake();
      this.ctx.waitUntil(woken);
      await Promise.race([woken, scheduler.wait(MAX_HEALTH_WAIT_MS)]);
    }
    const { gaps, deadLetters } = this.#kept.state;
    return { redis: this.#isHealthy ? "healthy" : "unavailable", waiting: this.#kept.waiting, gaps, deadLetters };
  }

  async metrics(): Promise<RelayMetrics> {
    const { redis, gaps, deadLetters } = await this.status();
    const unread = redis === "healthy" ? await this.#reader?.unread().catch(() => null) : null;
    if (!unread) return { redis, gaps, deadLetters, lagEntries: null, lagSeconds: null };
    const { events, since } = this.#kept.backlog;
    const oldest = Math.min(since ?? Number.POSITIVE_INFINITY, unread.since ?? Number.POSITIVE_INFINITY);
    const lagSeconds = oldest === Number.POSITIVE_INFINITY ? 0 : Math.max(Date.now() - oldest, 0) / 1000;
    return { redis, gaps, deadLetters, lagEntries: events + unread.entries, lagSeconds };
  }

  override async alarm(): Promise<void> {
    if (!this.#reader) return;
    // First of all, so that nothing that goes wrong can leave it without one.
    await this.ctx.storage.setAlarm(Date.now() + this.#pollMs);
    await this.#noted(() => this.#work()).catch(() => {});
  }

  async #work(): Promise<void> {
    await this.#run();
    await this.#plan();
  }

  /** Does something that nobody may be waiting for: a fault of its is logged and counted here, and thrown on. */
  async #noted(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      logFault("relay", error);
      this.#reporter.schedule((promise) => this.ctx.waitUntil(promise));
      throw error;
    }
  }

  get #kept(): RelayStore {
    this.#store ??= new RelayStore(this.ctx.storage);
    return this.#store;
  }

  /** One run at a time; who comes meanwhile has another one follow, and waits for that. */
  #run(): Promise<void> {
    if (this.#running) {
      this.#isRungAgain = true;
      return this.#running;
    }
    this.#running = this.#runUntilQuiet();
    return this.#running;
  }

  async #runUntilQuiet(): Promise<void> {
    try {
      do {
        this.#isRungAgain = false;
        try {
          await this.#readAll();
          this.#isHealthy = true;
        } catch (error) {
          if (this.#isHealthy) logFault("redis", error);
          this.#reporter.schedule((promise) => this.ctx.waitUntil(promise));
          this.#isHealthy = false;
        }
        this.#heardAt = Date.now();
        await this.#deliverWaiting();
      } while (this.#isRungAgain);
    } finally {
      // In the same turn as the last look at the bell, or one that rings between would not be heard.
      this.#running = null;
    }
  }

  async #readAll(): Promise<void> {
    if (!this.#reader) return;
    let hasMore = true;
    let isIdle = true;
    await this.#tellGap();
    while (hasMore && this.#kept.waiting < MAX_WAITING_ROWS) {
      const { id } = this.#kept.state;
      const { gap, ...result } = await this.#reader.read();
      if (result.rejected > 0) {
        recordRejected(this.#reporter.counts, SOURCE, result.rejected);
        this.#reporter.schedule((promise) => this.ctx.waitUntil(promise));
      }
      if (gap) {
        logFault("stream_gap", new Error(gap.kind), gap.kind === "trimmed" ? { lost: gap.lost } : {});
        // Before anything from behind the gap is delivered.
        await this.#tellGap();
      }
      hasMore = result.hasMore;
      if (this.#kept.state.id !== id) {
        isIdle = false;
        await this.#deliverWaiting();
        await this.#reader.trim();
      }
    }
    await this.#reader.bury();
    this.#pollMs = isIdle ? Math.min(this.#pollMs * 2, MAX_POLL_MS) : MIN_POLL_MS;
  }

  /**
   * Every channel's listeners learn that events may be missing: those who listen now here, others when they come. Who
   * cannot be told now is told with the next look, and keeps nobody from hearing what comes after.
   */
  async #tellGap(): Promise<void> {
    const { untoldGapAt } = this.#kept.state;
    if (untoldGapAt === null) return;
    const told = await Promise.allSettled(registryStubs(this.env).map((registry) => registry.notifyGap(untoldGapAt)));
    const failed = told.find((one) => one.status === "rejected");
    if (failed) logFault("gap", failed.reason);
    else this.#kept.update({ untoldGapAt: null });
  }

  /** Channels that fail wait for their time, and are tried beside the others, not before them. */
  async #deliverWaiting(): Promise<void> {
    const now = Date.now();
    const [failing, fine] = [[] as string[], [] as string[]];
    for (const channel of this.#kept.waitingChannels()) {
      const failure = this.#failing.get(channel);
      if (!failure) fine.push(channel);
      else if (failure.retryAt <= now) failing.push(channel);
    }
    if (failing.length > 0 && !this.#isRetrying) {
      this.ctx.waitUntil(this.#noted(() => this.#retry(failing)).catch(() => {}));
    }
    await pMap(fine, (channel) => this.#deliverTo(channel), { concurrency: MAX_CHANNELS_AT_ONCE });
  }

  async #retry(channels: string[]): Promise<void> {
    this.#isRetrying = true;
    try {
      await pMap(channels, (channel) => this.#deliverTo(channel), { concurrency: MAX_CHANNELS_AT_ONCE });
      await this.#plan();
    } finally {
      this.#isRetrying = false;
    }
  }

  /** Hands a channel all that waits for it, in order, until there is no more or it does not take it. */
  async #deliverTo(channel: string): Promise<void> {
    if (this.#delivering.has(channel)) return;
    this.#delivering.add(channel);
    try {
      await this.#deliverRows(channel);
    } finally {
      this.#delivering.delete(channel);
    }
  }

  async #deliverRows(channel: string): Promise<void> {
    for (let next = this.#kept.next(channel); next; next = this.#kept.next(channel)) {
      const { row, events } = next;
      const startedAt = Date.now();
      const results = await deliver(this.env, channel, events, SOURCE);
      if (results.some(({ status }) => status === "unavailable")) {
        const tries = (this.#failing.get(channel)?.tries ?? 0) + 1;
        const wait = Math.min(MIN_RETRY_MS * 2 ** (tries - 1), MAX_RETRY_MS);
        this.#failing.set(channel, { tries, retryAt: Date.now() + wait });
        return;
      }
      this.#failing.delete(channel);
      logPublish({
        request_id: "",
        ...SOURCE,
        channel,
        events: events.length,
        outcomes: outcomesOf(results.map(({ status }) => status)),
        ms: Date.now() - startedAt,
      });
      const dead = results.flatMap((result, i) => {
        const event = events[i];
        if (result.status !== "conflict" || !event) return [];
        return [{ entry: { id: event.id, fields: entryFields(event) }, reason: "this id was used for another event" }];
      });
      this.#kept.delivered(channel, row, dead);
    }
  }

  /** When to look again: while somebody listens or something waits. Otherwise it sleeps, and hears nothing. */
  async #plan(): Promise<void> {
    const isHeard = await this.#isHeard();
    if (isHeard) await this.#subscribe();
    else this.#unsubscribe();
    const now = Date.now();
    const retries = [...this.#failing.values()].map(({ retryAt }) => retryAt);
    const next = Math.min(isHeard ? now + this.#pollMs : Number.POSITIVE_INFINITY, ...retries);
    const set = await this.ctx.storage.getAlarm();
    if (next === Number.POSITIVE_INFINITY) {
      if (set !== null) await this.ctx.storage.deleteAlarm();
    } else if (set === null || Math.abs(set - next) > MIN_RETRY_MS) {
      await this.ctx.storage.setAlarm(Math.max(next, now));
    }
  }

  /** Whether anybody listens. The registry that last said yes is asked first, so that one question is usually enough. */
  async #isHeard(): Promise<boolean> {
    const registries = registryStubs(this.env);
    const order = registries.map((_, i) => (this.#heardBy + i) % registries.length);
    for (const index of order) {
      // Who cannot be asked may know of somebody.
      if (!(await registries[index]?.hasListeners().catch(() => true))) continue;
      this.#heardBy = index;
      return true;
    }
    return false;
  }

  async #subscribe(): Promise<void> {
    const now = Date.now();
    const old = this.#subscription;
    if (!this.#client || !this.#isHealthy || (old && now - old.since < RENEW_SUBSCRIPTION_MS)) return;
    try {
      const end = await this.#client.subscribe(DOORBELL, () =>
        this.ctx.waitUntil(this.#noted(() => this.#run()).catch(() => {})),
      );
      this.#subscription = { end, since: now };
      old?.end();
    } catch (error) {
      // Polling goes on without it.
      logFault("doorbell", error);
    }
  }

  #unsubscribe(): void {
    this.#subscription?.end();
    this.#subscription = null;
  }
}
