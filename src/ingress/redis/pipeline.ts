import { configOf, type RedisConfig } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import { RELAY_PROBLEMS, type RelayProblem } from "../../protocol/health.ts";
import { registryStub } from "../../registry/directory.ts";
import { logFault } from "../../telemetry/log.ts";
import { recordRejected } from "../../telemetry/record.ts";
import { Reporter } from "../../telemetry/reporter.ts";
import { RedisClient, RedisError } from "./client.ts";
import { Doorbell } from "./doorbell.ts";
import type { StreamGap } from "./gaps.ts";
import { OutboxDelivery, SOURCE } from "./outbox-delivery.ts";
import { PollSchedule } from "./poll-schedule.ts";
import { Registries } from "./registries.ts";
import { RelayStore } from "./relay-store.ts";
import { StreamReader } from "./stream-reader.ts";
import { writeDeadLetters } from "./write-dead-letters.ts";

/**
 * Moves events from the stream to their channels in passes: read into the outbox, deliver the outbox. The outbox and
 * the cursor are stored together, so a crash repeats events but loses none; channels drop those they already have.
 */
export class Pipeline {
  readonly store: RelayStore;
  readonly reader: StreamReader;
  readonly #ctx: DurableObjectState;
  readonly #client: RedisClient;
  readonly #delivery: OutboxDelivery;
  readonly #registries: Registries;
  readonly #doorbell: Doorbell;
  readonly #schedule: PollSchedule;
  readonly #reporter: Reporter;
  #running: Promise<void> | null = null;
  #isAnotherPassDue = false;
  #isRedisHealthy = true;
  #redisCheckedAt = 0;
  #areDeadLettersStuck = false;

  constructor(ctx: DurableObjectState, env: Env, redis: RedisConfig) {
    this.#ctx = ctx;
    this.store = new RelayStore(ctx.storage);
    this.#client = new RedisClient(redis);
    this.#delivery = new OutboxDelivery(env, this.store);
    const { failing } = this.#delivery;
    const { catalogue } = configOf(env);
    this.reader = new StreamReader(this.#client, this.store, redis.stream, catalogue, (channel) =>
      failing.isFull(channel, Date.now()),
    );
    this.#registries = new Registries(env);
    this.#doorbell = new Doorbell(this.#client, () => this.#inBackground(() => this.#run()));
    this.#schedule = new PollSchedule(ctx.storage);
    this.#reporter = new Reporter((counted) => registryStub(env, "relay").addCounts(counted));
  }

  /** Whether Redis answered in the last pass, and when that was, in milliseconds since 1970. */
  get redisHealth(): { isHealthy: boolean; checkedAt: number } {
    return { isHealthy: this.#isRedisHealthy, checkedAt: this.#redisCheckedAt };
  }

  /** Why the relay is degraded, apart from Redis. */
  get problems(): RelayProblem[] {
    const problems: Record<RelayProblem, boolean> = {
      channels_failing: this.failingChannels > 0,
      reading_paused: this.#delivery.failing.isReadingPaused(Date.now()),
      dead_letters_waiting: this.#areDeadLettersStuck,
    };
    return RELAY_PROBLEMS.filter((problem) => problems[problem]);
  }

  /** How many channels have taken no events for a minute. */
  get failingChannels(): number {
    return this.#delivery.failing.count(Date.now());
  }

  /** Runs a pass, then plans the next one. */
  async work(): Promise<void> {
    await this.#reportingFaults(async () => {
      await this.#run();
      await this.#plan();
    });
  }

  /** Handles the alarm. Sets the next one first, so that a failure, which `work` logs, ends nothing. */
  async alarm(): Promise<void> {
    await this.#schedule.setNextPoll();
    await this.work().catch(() => {});
  }

  /** Runs one pass at a time. Callers that arrive during a pass wait for another one that follows it. */
  #run(): Promise<void> {
    if (this.#running) this.#isAnotherPassDue = true;
    else this.#running = this.#runPasses();
    return this.#running;
  }

  async #runPasses(): Promise<void> {
    try {
      do {
        this.#isAnotherPassDue = false;
        await this.#tryReading();
        await this.#deliver();
      } while (this.#isAnotherPassDue);
    } finally {
      // Synchronous with the loop's last check: a caller in between would wait for a pass that never comes.
      this.#running = null;
    }
  }

  /** Reads the stream. While Redis fails, still delivers the outbox. */
  async #tryReading(): Promise<void> {
    try {
      await this.#read();
      this.#isRedisHealthy = true;
    } catch (error) {
      if (this.#isRedisHealthy) logFault("redis", error);
      this.#scheduleReport();
      this.#isRedisHealthy = false;
    }
    this.#redisCheckedAt = Date.now();
  }

  /** Reads to the end of the stream, and delivers each batch before it reads the next. */
  async #read(): Promise<void> {
    let hasMore = true;
    let hadEntries = false;
    await this.#notifyGap();
    while (hasMore && !this.#delivery.failing.isReadingPaused(Date.now())) {
      const { cursor } = this.store.state;
      const { gap, rejected, ...result } = await this.reader.read();
      if (rejected > 0) {
        recordRejected(this.#reporter.counts, SOURCE, rejected);
        this.#scheduleReport();
      }
      // Before any event after the gap is delivered.
      await this.#reportGap(gap);
      hasMore = result.hasMore;
      if (this.store.state.cursor !== cursor) {
        hadEntries = true;
        await this.#deliver();
        await this.#reportGap(await this.reader.trim());
      }
    }
    await this.#reportGap(await this.reader.trim());
    this.#schedule.polled(hadEntries);
    await this.#writeDeadLetters();
  }

  /** Writes dead letters. A failure, as when their stream's key is in use for something else, does not stop the events. */
  async #writeDeadLetters(): Promise<void> {
    try {
      const hasMore = await writeDeadLetters(this.#client, this.store);
      if (hasMore) this.#isAnotherPassDue = true;
      this.#areDeadLettersStuck = false;
    } catch (error) {
      if (error instanceof RedisError && error.kind === "unavailable") throw error;
      if (!this.#areDeadLettersStuck) logFault("dead_letters", error);
      this.#scheduleReport();
      this.#areDeadLettersStuck = true;
    }
  }

  async #reportGap(gap: StreamGap | null): Promise<void> {
    if (!gap) return;
    logFault("stream_gap", new Error(gap.kind), gap.kind === "trimmed" ? { lost: gap.lost } : {});
    await this.#notifyGap();
  }

  /**
   * Notifies channels of a gap that is pending. A channel that cannot be notified now is retried in the next pass, and
   * does not keep the others from receiving what comes after the gap.
   */
  async #notifyGap(): Promise<void> {
    const { pendingGapAt } = this.store.state;
    if (pendingGapAt === null) return;
    try {
      await this.#registries.notifyGap(pendingGapAt);
      this.store.update({ pendingGapAt: null });
    } catch (error) {
      logFault("gap", error);
    }
  }

  /** Delivers the outbox. Failing channels are retried in the background, so that the others need not wait. */
  async #deliver(): Promise<void> {
    if (this.#delivery.isRetryDue) {
      this.#inBackground(async () => {
        await this.#delivery.retryDue();
        // A pass writes the dead letters of a channel that was given up.
        if (!this.store.deadLetters.isEmpty()) await this.#run();
        await this.#plan();
      });
    }
    await this.#delivery.deliverWaiting();
  }

  /** Plans the next pass: there is one while there are listeners or retries. Otherwise the relay sleeps. */
  async #plan(): Promise<void> {
    const hasListeners = await this.#registries.hasListeners();
    if (!hasListeners) this.#doorbell.unsubscribe();
    else if (this.#isRedisHealthy) await this.#doorbell.subscribe();
    await this.#schedule.plan(hasListeners, this.#delivery.nextRetryAt);
  }

  #inBackground(work: () => Promise<void>): void {
    this.#ctx.waitUntil(this.#reportingFaults(work).catch(() => {}));
  }

  /** Logs, counts and rethrows a fault, because no caller may be waiting for the work. */
  async #reportingFaults(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      logFault("relay", error);
      this.#scheduleReport();
      throw error;
    }
  }

  #scheduleReport(): void {
    this.#reporter.schedule((promise) => this.#ctx.waitUntil(promise));
  }
}
