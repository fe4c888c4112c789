import { DurableObject } from "cloudflare:workers";
import type { Env } from "../config.ts";
import { channelStub, registryStub } from "./directory.ts";

/** A count not confirmed for this long is asked for again, because a deploy drops sockets without a close event. */
const CONFIRM_AFTER_MS = 60_000;
/** How many counts one reading of the registry confirms at most. */
const MAX_CONFIRMED_AT_ONCE = 50;

/** How many listeners each channel has; channels without any are not there. */
export type ChannelCounts = Record<string, number>;

/** Knows how many listeners each channel has, because the channels tell it. There is one. */
export class ChannelRegistry extends DurableObject<Env> {
  /** By channel; `confirmedAt` in milliseconds since 1970, 0 after a wake. */
  readonly #counts = new Map<string, { count: number; confirmedAt: number }>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    for (const [channel, count] of ctx.storage.kv.list<number>()) this.#counts.set(channel, { count, confirmedAt: 0 });
  }

  /** A channel tells its count. */
  async report(channel: string, count: number): Promise<void> {
    this.#set(channel, count);
  }

  async counts(): Promise<ChannelCounts> {
    await this.#confirmOld();
    return Object.fromEntries([...this.#counts].map(([channel, { count }]) => [channel, count]));
  }

  async #confirmOld(): Promise<void> {
    const old = [...this.#counts]
      .filter(([, { confirmedAt }]) => confirmedAt < Date.now() - CONFIRM_AFTER_MS)
      .sort(([, a], [, b]) => a.confirmedAt - b.confirmedAt)
      .slice(0, MAX_CONFIRMED_AT_ONCE);
    await Promise.allSettled(
      old.map(async ([channel, entry]) => {
        const count = await channelStub(this.env, channel)?.connections();
        // A report that came meanwhile is newer than this answer.
        if (this.#counts.get(channel) === entry) this.#set(channel, count ?? 0);
      }),
    );
  }

  #set(channel: string, count: number): void {
    if (this.#counts.get(channel)?.count !== count) {
      if (count > 0) this.ctx.storage.kv.put(channel, count);
      else this.ctx.storage.kv.delete(channel);
    }
    if (count > 0) this.#counts.set(channel, { count, confirmedAt: Date.now() });
    else this.#counts.delete(channel);
  }
}

/** Changes that follow each other faster than this are told together. */
const REPORT_INTERVAL_MS = 250;

/**
 * Tells the registry a channel's count: a change at once, the ones that follow it together, and always the latest.
 * Each report is a call and a stored row, so a rush of connections must not cost one for each.
 */
export class CountReporter {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #channel: string;
  #count = 0;
  #told: number | undefined;
  #isReporting = false;

  constructor(ctx: DurableObjectState, env: Env, channel: string) {
    this.#ctx = ctx;
    this.#env = env;
    this.#channel = channel;
  }

  report(count: number): void {
    this.#count = count;
    if (!this.#isReporting) this.#ctx.waitUntil(this.#tell());
  }

  async #tell(): Promise<void> {
    this.#isReporting = true;
    try {
      while (this.#told !== this.#count) {
        const count = this.#count;
        await registryStub(this.#env).report(this.#channel, count);
        this.#told = count;
        await scheduler.wait(REPORT_INTERVAL_MS);
      }
    } catch {
      // The registry asks again when the count is old; the next change tells it, too.
    } finally {
      this.#isReporting = false;
    }
  }
}
