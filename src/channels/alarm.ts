/** A need that is less than this earlier than the alarm waits for it: each setting of an alarm is a written row. */
export const MIN_GAIN_MS = 60_000;

/**
 * An object's one alarm, set only while something needs it. Setting costs a row, so it is moved forward at once when
 * that gains a minute or more, and otherwise at most once a minute.
 */
export class Alarm {
  readonly #storage: DurableObjectStorage;
  /** When it will ring, in milliseconds since 1970; null when it is not set, undefined while that is not known. */
  #time: number | null | undefined;
  #setAt = Number.NEGATIVE_INFINITY;
  #timesSet = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** How often it was set since the object woke: each is a written row. */
  get timesSet(): number {
    return this.#timesSet;
  }

  /** Makes it ring at `need` or not much later; Infinity needs nothing. */
  async need(need: number, now: number, minGainMs = MIN_GAIN_MS): Promise<void> {
    const stored = this.#time === undefined ? await this.#storage.getAlarm() : null;
    // While this one waited, another need may have set it.
    if (this.#time === undefined) this.#time = stored;
    if (!this.covers(need, now, minGainMs)) await this.#set(need, now);
  }

  /** Whether `need` asks for nothing new, as far as that is known without looking. */
  covers(need: number, now: number, minGainMs = MIN_GAIN_MS): boolean {
    if (need === Number.POSITIVE_INFINITY) return true;
    if (this.#time === undefined || this.#time === null) return false;
    const isWorthARow = need <= this.#time - minGainMs || now - this.#setAt >= MIN_GAIN_MS;
    return this.#time <= need || !isWorthARow;
  }

  /** It has rung: sets it for what is needed next. */
  async rang(next: number, now: number): Promise<void> {
    this.#time = null;
    if (next !== Number.POSITIVE_INFINITY) await this.#set(Math.max(next, now + MIN_GAIN_MS), now);
  }

  /** Its storage is gone, and it with it. */
  forget(): void {
    this.#time = null;
  }

  async #set(time: number, now: number): Promise<void> {
    this.#time = time;
    this.#setAt = now;
    this.#timesSet++;
    await this.#storage.setAlarm(time);
  }
}
