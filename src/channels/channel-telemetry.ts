import type { Env } from "../config/env.ts";
import type { ChannelKind, ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import type { ShardName } from "../protocol/shards.ts";
import { registryStub } from "../registry/directory.ts";
import type { AuthFailure, LimitName } from "../telemetry/labels.ts";
import { logConnectionEnd } from "../telemetry/log.ts";
import {
  recordAuthFailure,
  recordConnectionClosed,
  recordConnectionOpened,
  recordDeliveries,
  recordPublished,
  recordRateLimited,
  recordResume,
} from "../telemetry/record.ts";
import { Reporter, type ReportLimits } from "../telemetry/reporter.ts";
import type { Alarm } from "./alarm.ts";
import type { Listener } from "./listeners/listener.ts";
import type { ListenersObserver } from "./listeners/listeners.ts";

/** The delay of the alarm for what is left to report. Until then, the registry's count for this channel is stale. */
const REPORT_RETRY_MS = 60_000;

interface ObservedChannel {
  ctx: DurableObjectState;
  env: Env;
  name: ChannelName | ShardName;
  kind: ChannelKind;
  /** Set when something is left to report. Its maintenance calls `reportPending`. */
  alarm: Alarm;
}

interface Callbacks {
  /** Returns the number of current listeners. */
  listeners(): number;
  /** Called when the registry reports a gap in the stream, found at `gapAt` in milliseconds since 1970. */
  onGap(gapAt: number): Promise<void>;
  /** Called with the number of listeners when it is reported. */
  onReport?(count: number): void;
}

/** Counts and logs what happens in a channel, and reports it to the registry together with the number of listeners. */
export class ChannelTelemetry implements ListenersObserver {
  readonly #ctx: DurableObjectState;
  readonly #name: ChannelName | ShardName;
  readonly #kind: ChannelKind;
  readonly #listeners: () => number;
  readonly #reporter: Reporter;
  /** Whether the registry knows that the channel has listeners; undefined after a wake. */
  #hasReportedListeners: boolean | undefined;

  constructor(
    { ctx, env, name, kind, alarm }: ObservedChannel,
    { listeners, onGap, onReport }: Callbacks,
    limits?: ReportLimits,
  ) {
    this.#ctx = ctx;
    this.#name = name;
    this.#kind = kind;
    this.#listeners = listeners;
    this.#reporter = new Reporter(
      async (counted) => {
        const count = listeners();
        onReport?.(count);
        const gapAt = await registryStub(env, name).report(name, count, counted);
        this.#hasReportedListeners = count > 0;
        if (gapAt > 0) await onGap(gapAt);
      },
      () => alarm.ensure(Date.now() + REPORT_RETRY_MS, Date.now()),
      limits,
    );
  }

  /** Sends a report if there is something to report, and one is due. */
  reportNews(): void {
    if (this.#reporter.hasNews) this.#report();
  }

  /** Sends a report if something is left to report, or an earlier one may have been lost. */
  reportPending(): void {
    // After a wake it is unknown whether the last report arrived; repeating it is harmless.
    if (this.#reporter.hasNews || this.#hasReportedListeners === undefined) this.#report();
  }

  opened(): void {
    recordConnectionOpened(this.#reporter.counts, this.#kind);
    this.#reportListeners();
  }

  closed({ connectedAt, requestId }: Listener, code: number): void {
    const seconds = connectedAt > 0 ? Math.max(Date.now() - connectedAt, 0) / 1000 : null;
    recordConnectionClosed(this.#reporter.counts, this.#kind, code, seconds);
    logConnectionEnd({ request_id: requestId, channel: this.#name, code, seconds });
    this.#reportListeners();
  }

  /** @param replayed The number of replayed events; null when the client could not resume. */
  resumed(replayed: number | null): void {
    recordResume(this.#reporter.counts, this.#kind, replayed);
  }

  /**
   * @param sent How many events were sent, summed over all listeners.
   * @param source null for events that the channel generated itself.
   */
  delivered(
    events: AcceptedEvent[],
    outcomes: PublishOutcome[],
    sent: number,
    source: Source | null,
    now: number,
  ): void {
    if (source) recordPublished(this.#reporter.counts, source, events, outcomes, now);
    this.sent(sent);
  }

  /** @param count How many events were sent, summed over all listeners. */
  sent(count: number): void {
    recordDeliveries(this.#reporter.counts, this.#kind, count);
    this.#report();
  }

  limited(limit: LimitName): void {
    recordRateLimited(this.#reporter.counts, limit);
    this.#report();
  }

  /** @param reason What was wrong with the token of an `authenticate` message. */
  tokenRefused(reason: AuthFailure): void {
    recordAuthFailure(this.#reporter.counts, reason);
    this.#report();
  }

  /** Reports the number of listeners: at once when the first one connects or the last one leaves. */
  #reportListeners(): void {
    this.#reporter.schedule(this.#waitUntil, this.#listeners() > 0 !== this.#hasReportedListeners);
  }

  #report(): void {
    this.#reporter.schedule(this.#waitUntil);
  }

  readonly #waitUntil = (promise: Promise<unknown>) => this.#ctx.waitUntil(promise);
}
