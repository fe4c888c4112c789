import { type CounterSnapshot, Counters } from "./counters.ts";
import { faults } from "./log.ts";

/** Reports that follow each other faster than this are made together: each is a request that costs. */
export const REPORT_INTERVAL_MS = 2000;
/** A report that fails so often is left to the next change. */
const MAX_FAILURES = 6;
const FIRST_BACKOFF_MS = 250;
/** A report that takes longer has died with the request that made it. */
const MAX_REPORTING_MS = 30_000;

/**
 * Tells somebody what has been counted: at once, and what follows soon after that together. It holds no timer while
 * there is nothing to tell, so it keeps nobody awake.
 */
export class Reporter {
  /** What is to be told; say `changed` after counting. */
  readonly counts = new Counters();
  readonly #send: (counted: CounterSnapshot) => Promise<void>;
  readonly #onGivenUp: () => void;
  readonly #maxLoopMs: number;
  #isDue = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  #reportingSince: number | null = null;
  #hurry = new AbortController();

  /**
   * @param send Takes what was counted; when it throws, it is tried again.
   * @param onGivenUp It failed so often that nobody tries any more before the next change.
   * @param maxLoopMs So long whoever reports goes on with what comes meanwhile; then the next change begins anew.
   */
  constructor(
    send: (counted: CounterSnapshot) => Promise<void>,
    onGivenUp: () => void = () => {},
    maxLoopMs = Number.POSITIVE_INFINITY,
  ) {
    this.#send = send;
    this.#onGivenUp = onGivenUp;
    this.#maxLoopMs = maxLoopMs;
  }

  /** Whether there is something to tell. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /**
   * There is something to tell.
   * @param waitUntil Of whoever lives long enough to tell it.
   * @param isUrgent It does not wait for what may follow.
   */
  changed(waitUntil: (promise: Promise<unknown>) => void, isUrgent = false): void {
    this.#isDue = true;
    if (isUrgent) this.#hurry.abort();
    const isReporting = this.#reportingSince !== null && Date.now() - this.#reportingSince < MAX_REPORTING_MS;
    if (isReporting) return;
    this.#reportingSince = Date.now();
    waitUntil(this.#report());
  }

  async #report(): Promise<void> {
    const endsAt = Date.now() + this.#maxLoopMs;
    let failures = 0;
    try {
      while (this.#isDue && failures < MAX_FAILURES && Date.now() < endsAt) {
        await this.#untilDue(failures);
        this.#isDue = false;
        this.counts.add(faults.take());
        const counted = this.counts.take();
        try {
          await this.#send(counted);
          failures = 0;
        } catch {
          // After a deploy everybody reports at once, and few objects take it all.
          this.counts.add(counted);
          this.#isDue = true;
          failures++;
        }
        this.#toldAt = Date.now();
      }
    } finally {
      this.#reportingSince = null;
      if (failures === MAX_FAILURES) this.#onGivenUp();
    }
  }

  async #untilDue(failures: number): Promise<void> {
    const backoff = failures > 0 ? Math.random() * FIRST_BACKOFF_MS * 2 ** failures : 0;
    const wait = Math.max(backoff, Math.min(this.#toldAt + REPORT_INTERVAL_MS - Date.now(), REPORT_INTERVAL_MS));
    // One that comes while a report is on its way waits for nothing, either.
    if (wait > 0 && !this.#hurry.signal.aborted) {
      await scheduler.wait(wait, { signal: this.#hurry.signal }).catch(() => {});
    }
    this.#hurry = new AbortController();
  }
}
