import { DurableObject } from "cloudflare:workers";
import pMap from "p-map";
import { configOf, type Env } from "../config.ts";
import { channelStub, registryStub, relayStub } from "./directory.ts";

/** A count not confirmed for this long is asked for again, because a deploy drops sockets without a close event. */
const CONFIRM_AFTER_MS = 60_000;
/** How many counts one reading of the registry confirms at most. */
const MAX_CONFIRMED_AT_ONCE = 50;

/** How many channels are told of something at a time. */
const MAX_CHANNELS_AT_ONCE = 6;
/** The relay is woken by the first listener, and looked after by later ones this often. */
const WAKE_RELAY_MS = 30_000;
/** Keys in storage. */
const COUNT = "count:";
const GAP_AT = "gap_at";

/** How many listeners each channel has; channels without any are not there. */
export type ChannelCounts = Record<string, number>;

/** Knows how many listeners each channel has, because the channels tell it. There is one. */
export class ChannelRegistry extends DurableObject<Env> {
  /** By channel; `confirmedAt` in milliseconds since 1970, 0 after a wake. */
  readonly #counts = new Map<string, { count: number; confirmedAt: number }>();

  #wokenAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    for (const [key, count] of ctx.storage.kv.list<number>({ prefix: COUNT })) {
      this.#counts.set(key.slice(COUNT.length), { count, confirmedAt: 0 });
    }
  }

  /**
   * A channel tells its count.
   * @returns When the last gap in the stream was found, in milliseconds since 1970; 0 when there was none.
   */
  async report(channel: string, count: number): Promise<number> {
    const isFirst = this.#counts.size === 0;
    this.#set(channel, count);
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

  /** How many listen now, to anything. */
  async total(): Promise<number> {
    return [...this.#counts.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** The relay found a gap in the stream: every channel that has listeners is told, the others when they report. */
  async gap(gapAt: number): Promise<void> {
    this.ctx.storage.kv.put(GAP_AT, gapAt);
    await pMap(this.#counts.keys(), (channel) => channelStub(this.env, channel)?.gap(gapAt), {
      concurrency: MAX_CHANNELS_AT_ONCE,
      stopOnError: false,
    });
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
    // What is stored is that somebody listens; how many is asked again after a wake, and not worth a row each time.
    if (this.#counts.has(channel) !== count > 0) {
      if (count > 0) this.ctx.storage.kv.put(`${COUNT}${channel}`, count);
      else this.ctx.storage.kv.delete(`${COUNT}${channel}`);
    }
    if (count > 0) this.#counts.set(channel, { count, confirmedAt: Date.now() });
    else this.#counts.delete(channel);
  }
}

/** Changes that follow each other faster than this are told together. */
const REPORT_INTERVAL_MS = 250;
/** A report that fails so often is left to the next change. */
const MAX_REPORT_FAILURES = 6;

/**
 * Tells the registry a channel's count: a change at once, the ones that follow it together, and always the latest.
 * Each report is a call, so a rush of connections must not cost one for each.
 */
export class CountReporter {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #channel: string;
  readonly #onGap: (gapAt: number) => void;
  #count = 0;
  #told: number | undefined;
  #isReporting = false;

  /** @param onGap Told when the registry knows of a gap in the stream. */
  constructor(ctx: DurableObjectState, env: Env, channel: string, onGap: (gapAt: number) => void) {
    this.#ctx = ctx;
    this.#env = env;
    this.#channel = channel;
    this.#onGap = onGap;
  }

  report(count: number): void {
    this.#count = count;
    if (!this.#isReporting) this.#ctx.waitUntil(this.#tell());
  }

  async #tell(): Promise<void> {
    this.#isReporting = true;
    let failures = 0;
    while (this.#told !== this.#count && failures < MAX_REPORT_FAILURES) {
      const count = this.#count;
      try {
        const gapAt = await registryStub(this.#env).report(this.#channel, count);
        this.#told = count;
        failures = 0;
        if (gapAt > 0) this.#onGap(gapAt);
        await scheduler.wait(REPORT_INTERVAL_MS);
      } catch {
        // After a deploy everybody reports at once, and one object takes it all.
        failures++;
        await scheduler.wait(Math.random() * REPORT_INTERVAL_MS * 2 ** failures);
      }
    }
    this.#isReporting = false;
  }
}
