import { fullJitter } from "../protocol/backoff.ts";
import { WAIT_UNTIL_MS } from "../protocol/platform-limits.ts";
import { type CounterSnapshot, Counters } from "./counters.ts";
import { unreportedFaults } from "./log.ts";

/** Time between reports, once a reporter has used up its burst. Each is a billed request. */
const REPORT_INTERVAL_MS = 2000;
/** Failures in a row, after which the report waits for the next call of `schedule`. */
const MAX_FAILURES = 6;
const BASE_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 8000;

/** When a reporter may report. */
export interface ReportLimits {
  /** How many reports may follow each other at once. */
  burst?: number;
  /**
   * Whether a timer waits until the next report is due. Otherwise a change that comes too early is left for the next
   * `schedule`, and `onUnsent` is called.
   */
  waits?: boolean;
  /** How long one `waitUntil` may keep sending reports; later counts wait for the next `schedule`. */
  maxLoopMs?: number;
}

/**
 * Reports counts: the first change at once, changes in quick succession together. No timer runs while there is nothing
 * to report, so an idle object can hibernate.
 */
export class Reporter {
  /** The counts of the next report. Call `schedule` after counting. */
  readonly counts = new Counters();
  readonly #send: (counted: CounterSnapshot) => Promise<void>;
  readonly #onUnsent: () => void;
  readonly #limits: Required<ReportLimits>;
  #hasNews = false;
  /** How many reports may follow at once, as of `#lastReportAt`. One more after each interval. */
  #tokens = 0;
  #lastReportAt = Number.NEGATIVE_INFINITY;
  #reportingSince: number | null = null;
  #hurry = new AbortController();

  /**
   * @param send Sends a report; when it throws, the report is retried.
   * @param onUnsent Called when counts remain unsent: after the last retry, when a report is not due yet and `waits` is
   * false, or after `maxLoopMs`.
   */
  constructor(
    send: (counted: CounterSnapshot) => Promise<void>,
    onUnsent: () => void = () => {},
    { burst = 1, waits = true, maxLoopMs = Number.POSITIVE_INFINITY }: ReportLimits = {},
  ) {
    this.#send = send;
    this.#onUnsent = onUnsent;
    this.#limits = { burst, waits, maxLoopMs };
  }

  /** Whether there is something to report. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /**
   * Schedules a report.
   * @param waitUntil Keeps the caller's request or object alive until then.
   * @param isUrgent Whether to send now instead of waiting for more changes.
   */
  schedule(waitUntil: (promise: Promise<unknown>) => void, isUrgent = false): void {
    this.#hasNews = true;
    if (isUrgent) this.#hurry.abort();
    // An older loop has died with the request that ran it.
    const isReporting = this.#reportingSince !== null && Date.now() - this.#reportingSince < WAIT_UNTIL_MS;
    if (isReporting) return;
    this.#reportingSince = Date.now();
    waitUntil(this.#report());
  }

  async #report(): Promise<void> {
    const endsAt = Date.now() + this.#limits.maxLoopMs;
    let failures = 0;
    try {
      while (this.#hasNews && failures < MAX_FAILURES && Date.now() < endsAt) {
        if (!(await this.#waitUntilDue(failures))) return;
        this.#tokens = Math.max(this.#tokensAt(Date.now()) - 1, 0);
        this.#hasNews = false;
        this.counts.add(unreportedFaults.take());
        const counted = this.counts.take();
        try {
          await this.#send(counted);
          failures = 0;
        } catch {
          // Expected after a deploy, when every object reports at once to a few registries.
          this.counts.add(counted);
          this.#hasNews = true;
          failures++;
        }
        this.#lastReportAt = Date.now();
      }
    } finally {
      this.#reportingSince = null;
      if (this.#hasNews) this.#onUnsent();
    }
  }

  /** Waits until the next report is due. Returns false if it is not due and this reporter must not wait. */
  async #waitUntilDue(failures: number): Promise<boolean> {
    const backoff = failures > 0 ? fullJitter(failures - 1, BASE_BACKOFF_MS, MAX_BACKOFF_MS) : 0;
    const wait = Math.max(backoff, (1 - this.#tokensAt(Date.now())) * REPORT_INTERVAL_MS);
    // The signal may already be aborted, by an urgent change during the previous report.
    if (wait > 0 && !this.#hurry.signal.aborted) {
      if (!this.#limits.waits) return false;
      await scheduler.wait(wait, { signal: this.#hurry.signal }).catch(() => {});
    }
    this.#hurry = new AbortController();
    return true;
  }

  #tokensAt(now: number): number {
    const elapsed = now - this.#lastReportAt;
    // The clock was set back.
    if (elapsed < 0) return this.#limits.burst;
    return Math.min(this.#tokens + elapsed / REPORT_INTERVAL_MS, this.#limits.burst);
  }
}
