/** The least by which an earlier time must beat the planned one to be worth setting the alarm: each setting is a written row. */
export const MIN_GAIN_MS = 60_000;

/**
 * An object's one alarm, set only while something needs it. It is moved forward at once when that gains a minute or
 * more, and otherwise at most once a minute, because every setting costs a row.
 */
export class Alarm {
  readonly #ctx: DurableObjectState;
  /** When it fires, in milliseconds since 1970; null when it is not set, undefined while that is unknown. */
  #time: number | null | undefined;
  #setAt = Number.NEGATIVE_INFINITY;
  #timesSet = 0;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  /** How often it was set since the object woke: each is a written row. */
  get timesSet(): number {
    return this.#timesSet;
  }

  /**
   * Sets the alarm to fire at `at` or shortly after. Not awaited: the output gate holds replies until it is durable.
   * @param at Milliseconds since 1970; Infinity needs no alarm.
   */
  ensure(at: number, now: number, minGainMs = MIN_GAIN_MS): void {
    if (!this.#covers(at, now, minGainMs)) this.#ctx.waitUntil(this.#ensure(at, now, minGainMs));
  }

  /** Sets the next alarm after this one fired, at least `MIN_GAIN_MS` ahead; Infinity sets none. */
  async fired(next: number, now: number): Promise<void> {
    this.#time = null;
    if (next !== Number.POSITIVE_INFINITY) await this.#set(Math.max(next, now + MIN_GAIN_MS), now);
  }

  /** Its storage was deleted, and the alarm with it. */
  reset(): void {
    this.#time = null;
  }

  async #ensure(at: number, now: number, minGainMs: number): Promise<void> {
    const stored = this.#time === undefined ? await this.#ctx.storage.getAlarm() : null;
    // Another call may have set it during the read.
    if (this.#time === undefined) this.#time = stored;
    if (!this.#covers(at, now, minGainMs)) await this.#set(at, now);
  }

  /** Whether the alarm, as far as it is known without reading storage, already serves `at`. */
  #covers(at: number, now: number, minGainMs: number): boolean {
    if (at === Number.POSITIVE_INFINITY) return true;
    if (this.#time === undefined || this.#time === null) return false;
    const isWorthARow = at <= this.#time - minGainMs || now - this.#setAt >= MIN_GAIN_MS;
    return this.#time <= at || !isWorthARow;
  }

  async #set(time: number, now: number): Promise<void> {
    this.#time = time;
    this.#setAt = now;
    this.#timesSet++;
    await this.#ctx.storage.setAlarm(time);
  }
}
