import { configOf, type RedisConfig } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import { RELAY_PROBLEMS, type RelayProblem } from "../../protocol/health.ts";
import { registryStub } from "../../registry/directory.ts";
import { logFault } from "../../telemetry/log.ts";
import { recordRejected } from "../../telemetry/record.ts";
import { Reporter } from "../../telemetry/reporter.ts";
import { RedisClient, RedisError } from "./client.ts";
import type { RelayStatus } from "./contract.ts";
import { DeadLetterWriter } from "./dead-letter-writer.ts";
import { Doorbell } from "./doorbell.ts";
import { GapReports } from "./gap-reports.ts";
import { OutboxDelivery, SOURCE } from "./outbox-delivery.ts";
import { Passes } from "./passes.ts";
import { PollSchedule } from "./poll-schedule.ts";
import { Registries } from "./registries.ts";
import { RelayStore } from "./relay-store.ts";
import { StreamReader } from "./stream-reader.ts";

/**
 * Moves events from the stream to their channels in passes: read into the outbox, deliver the outbox. The outbox and
 * the cursor are stored together, so a crash repeats events but loses none; channels drop those they already have.
 */
export class Pipeline {
  readonly store: RelayStore;
  readonly reader: StreamReader;
  readonly #ctx: DurableObjectState;
  readonly #delivery: OutboxDelivery;
  readonly #deadLetters: DeadLetterWriter;
  readonly #registries: Registries;
  readonly #gaps: GapReports;
  readonly #doorbell: Doorbell;
  readonly #schedule: PollSchedule;
  readonly #reporter: Reporter;
  readonly #passes = new Passes(async () => {
    await this.#tryReading();
    await this.#deliver();
  });
  /** One at a time: a plan that began before the first listener arrived must not remove the alarm of a later one. */
  readonly #plans = new Passes(() => this.#planOnce());
  /** What kept the last pass from reading: Redis, or the relay's own storage. */
  #failing: "redis" | "relay" | null = null;
  #checkedAt = 0;
  /** Whether a read has succeeded since the object started. Until the first pass ends, only this shows that Redis answers. */
  #hasRead = false;

  constructor(ctx: DurableObjectState, env: Env, redis: RedisConfig) {
    this.#ctx = ctx;
    this.store = new RelayStore(ctx.storage);
    const client = new RedisClient(redis);
    this.#deadLetters = new DeadLetterWriter(client, this.store);
    this.#delivery = new OutboxDelivery(env, this.store, ctx.storage.sql);
    const { failing } = this.#delivery;
    const { catalogue } = configOf(env);
    this.reader = new StreamReader(client, this.store, redis.stream, catalogue, () => failing.full(Date.now()));
    this.#registries = new Registries(env);
    this.#gaps = new GapReports(this.store, this.#registries);
    this.#doorbell = new Doorbell(client, () => this.#inBackground(() => this.#answerDoorbell()));
    this.#schedule = new PollSchedule(ctx.storage);
    this.#reporter = new Reporter((counted) => registryStub(env, "relay").addCounts(counted));
  }

  /** When the last pass finished reading, or failed to, in milliseconds since 1970. */
  get checkedAt(): number {
    return this.#checkedAt;
  }

  /** The relay's status now. Whether Redis answers is known from the last pass, or from the first read of the first pass. */
  get status(): RelayStatus {
    const { failing } = this.#delivery;
    const now = Date.now();
    const failingChannels = failing.count(now);
    const isUnknown = this.#checkedAt === 0 && !this.#hasRead;
    const problems: Record<RelayProblem, boolean> = {
      channels_failing: failingChannels > 0,
      reading_paused: this.#failing === "relay" || failing.isReadingPaused(now),
      dead_letters_waiting: this.#deadLetters.isStuck,
    };
    return {
      redis: this.#failing === "redis" || isUnknown ? "unavailable" : "healthy",
      gaps: this.store.state.gaps,
      deadLetters: this.store.state.deadLetters,
      problems: RELAY_PROBLEMS.filter((problem) => problems[problem]),
      failingChannels,
    };
  }

  /** Runs a pass, then plans the next one. */
  async work(): Promise<void> {
    await this.#reportingFaults(async () => {
      await this.#passes.run();
      await this.#plan();
    });
  }

  /** Runs a pass. Plans only retries, because the next poll is planned already. */
  async #answerDoorbell(): Promise<void> {
    await this.#passes.run();
    if (Number.isFinite(this.#delivery.nextRetryAt)) await this.#plan();
  }

  /** Handles the alarm. Sets the next one first, so that a failure, which `work` logs, ends nothing. */
  async alarm(): Promise<void> {
    await this.#schedule.setNextPoll();
    await this.work().catch(() => {});
  }

  /** Reads the stream. While that fails, still delivers the outbox. */
  async #tryReading(): Promise<void> {
    try {
      await this.#read();
      this.#failing = null;
    } catch (error) {
      const isRedis = error instanceof RedisError;
      if (isRedis && this.#failing !== "redis") logFault("redis", error);
      if (!isRedis && this.#failing !== "relay") logFault("relay", error);
      this.#failing = isRedis ? "redis" : "relay";
      this.#scheduleReport();
    }
    this.#checkedAt = Date.now();
  }

  /** Reads to the end of the stream, and delivers each batch before it reads the next. */
  async #read(): Promise<void> {
    let hasMore = true;
    let hadEntries = false;
    await this.#gaps.reportPending();
    while (hasMore && !this.#delivery.failing.isReadingPaused(Date.now())) {
      const { cursor } = this.store.state;
      const { gap, rejected, ...result } = await this.reader.read();
      this.#hasRead = true;
      if (rejected > 0) {
        recordRejected(this.#reporter.counts, SOURCE, rejected);
        this.#scheduleReport();
      }
      await this.#gaps.report(gap);
      hasMore = result.hasMore;
      if (this.store.state.cursor !== cursor) {
        hadEntries = true;
        await this.#deliver();
        await this.#gaps.report(await this.reader.trim());
      }
    }
    await this.#gaps.report(await this.reader.trim());
    this.#schedule.polled(hadEntries);
    const letters = await this.#deadLetters.write();
    if (letters === "more") this.#passes.repeat();
    if (letters === "stuck") this.#scheduleReport();
  }

  /** Delivers the outbox. Failing channels are retried in the background, so that the others need not wait. */
  async #deliver(): Promise<void> {
    if (this.#delivery.nextRetryAt <= Date.now()) {
      this.#inBackground(async () => {
        await this.#delivery.retryDue();
        // A pass writes the dead letters of a channel that was given up.
        if (!this.store.deadLetters.isEmpty()) await this.#passes.run();
        await this.#plan();
      });
    }
    await this.#delivery.deliverWaiting();
  }

  /** Plans the next pass: there is one while there are listeners or retries. Otherwise the relay sleeps. */
  #plan(): Promise<void> {
    return this.#plans.run();
  }

  async #planOnce(): Promise<void> {
    const hasListeners = await this.#registries.hasListeners();
    if (!hasListeners) this.#doorbell.unsubscribe();
    else if (this.#failing !== "redis") await this.#doorbell.subscribe();
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
