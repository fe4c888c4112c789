import { logFault } from "../telemetry/log.ts";

/** The delay before failed maintenance is repeated. */
const MAINTENANCE_RETRY_MS = 60_000;

/** The alarm is moved to an earlier time at once only if that gains this much, because every `setAlarm` writes a billed row. */
export const MIN_GAIN_MS = 60_000;

/**
 * An object's only alarm, set while something needs it. It is moved to an earlier time at once when that gains a
 * minute or more, and otherwise at most once a minute.
 */
export class Alarm {
  readonly #ctx: DurableObjectState;
  /** When it fires, in milliseconds since 1970; null when it is not set, undefined before it was read from storage. */
  #time: number | null | undefined;
  #setAt = Number.NEGATIVE_INFINITY;
  #timesSet = 0;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  /** How often the alarm was set since the object woke; each time wrote a row. */
  get timesSet(): number {
    return this.#timesSet;
  }

  /**
   * Sets the alarm to fire at `at` or shortly after. Not awaited: the output gate holds replies until it is durable.
   * @param at Milliseconds since 1970; Infinity needs no alarm.
   * @param minGainMs An alarm that would fire less than this after `at` may stay as it is.
   */
  ensure(at: number, now: number, minGainMs = MIN_GAIN_MS): void {
    if (!this.#covers(at, now, minGainMs)) this.#ctx.waitUntil(this.#ensure(at, now, minGainMs));
  }

  /** Sets the next alarm after this one fired, at least `MIN_GAIN_MS` ahead; Infinity sets none. */
  async fired(next: number, now: number): Promise<void> {
    this.#time = null;
    if (next !== Number.POSITIVE_INFINITY) await this.#set(Math.max(next, now + MIN_GAIN_MS), now);
  }

  /** Forgets the alarm after storage was deleted, which deletes the alarm as well. */
  reset(): void {
    this.#time = null;
  }

  async #ensure(at: number, now: number, minGainMs: number): Promise<void> {
    const stored = this.#time === undefined ? await this.#ctx.storage.getAlarm() : null;
    // Another call may have set it during the read.
    if (this.#time === undefined) this.#time = stored;
    if (!this.#covers(at, now, minGainMs)) await this.#set(at, now);
  }

  /** Returns whether the alarm already serves `at`. False when that is unknown without reading storage. */
  #covers(at: number, now: number, minGainMs: number): boolean {
    if (at === Number.POSITIVE_INFINITY) return true;
    if (this.#time === undefined || this.#time === null) return false;
    const isWorthSetting = at <= this.#time - minGainMs || now - this.#setAt >= MIN_GAIN_MS;
    return this.#time <= at || !isWorthSetting;
  }

  async #set(time: number, now: number): Promise<void> {
    this.#time = time;
    this.#setAt = now;
    this.#timesSet++;
    await this.#ctx.storage.setAlarm(time);
  }
}

/** Runs an object's maintenance when its alarm fires. A fault is logged and leaves an alarm for the next attempt. */
export async function onAlarm(
  { alarm, name }: { alarm: Alarm; name: string },
  now: number,
  maintain: () => Promise<void>,
): Promise<void> {
  try {
    await maintain();
  } catch (error) {
    logFault("maintenance", error, { channel: name });
    await alarm.fired(now + MAINTENANCE_RETRY_MS, now);
  }
}
