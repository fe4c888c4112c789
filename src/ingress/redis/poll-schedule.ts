import { backoffCeiling } from "../../protocol/backoff.ts";

/** The stream is polled soon after activity and ever less often while idle; the doorbell covers what is urgent. */
const MIN_POLL_MS = 1000;
const MAX_POLL_MS = 10_000;
/** An alarm this close to the right time stays as it is: setting one costs a written row. */
const ALARM_TOLERANCE_MS = 500;

/** Decides when the relay's alarm fires next. */
export class PollSchedule {
  readonly #storage: DurableObjectStorage;
  #idlePolls = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Records whether the stream had new entries. */
  polled(hadEntries: boolean): void {
    this.#idlePolls = hadEntries ? 0 : this.#idlePolls + 1;
  }

  /** Sets an alarm before any work that may fail, so that no failure leaves the relay without one. */
  async setNextPoll(): Promise<void> {
    await this.#storage.setAlarm(Date.now() + this.#pollMs);
  }

  /**
   * Sets the alarm for the next poll or retry, whichever is earlier, or removes it when neither is needed.
   * @param isPolling Whether the stream has to be polled at all.
   * @param nextRetryAt Milliseconds since 1970; Infinity for no retry.
   */
  async plan(isPolling: boolean, nextRetryAt: number): Promise<void> {
    const now = Date.now();
    const next = Math.min(isPolling ? now + this.#pollMs : Number.POSITIVE_INFINITY, nextRetryAt);
    const current = await this.#storage.getAlarm();
    if (next === Number.POSITIVE_INFINITY) {
      if (current !== null) await this.#storage.deleteAlarm();
    } else if (current === null || Math.abs(current - next) > ALARM_TOLERANCE_MS) {
      await this.#storage.setAlarm(Math.max(next, now));
    }
  }

  /** Without jitter: there is only one relay. */
  get #pollMs(): number {
    return backoffCeiling(this.#idlePolls, MIN_POLL_MS, MAX_POLL_MS);
  }
}
