import type { Env } from "../config/env.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import type { ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import { logConnectionEnd } from "../telemetry/log.ts";
import type { Kind } from "../telemetry/metrics.ts";
import { Reporter } from "../telemetry/reporter.ts";
import { registryStub } from "./directory.ts";
import type { Listener } from "./listeners/listener.ts";
import type { ListenersObserver } from "./listeners/listeners.ts";

/** The limits that a channel enforces itself, as the metrics name them. */
export type ConnectionLimit = "connections_per_user" | "connections_per_channel";

/** Stands for a close without a close frame (RFC 6455, section 7.4.1). */
export const NO_CLOSE_CODE = 1006;
/** Codes that clients close with. Others are counted together: a client may send any, and each would be a series. */
const CLIENT_CODES = [1000, 1001, 1005, NO_CLOSE_CODE];

/** The channel that is observed. */
interface Subject {
  ctx: DurableObjectState;
  env: Env;
  name: ChannelName;
  kind: Kind;
}

interface Callbacks {
  /** Returns the number of current listeners. */
  listeners(): number;
  /** Called when the registry knows of a gap in the stream. `gapAt` is in milliseconds since 1970. */
  onGap(gapAt: number): void;
  /** Called when a report failed for good; `reportPending` retries it. */
  onReportFailed(): void;
}

/** Counts and logs what happens in a channel, and reports it to the registry together with the number of listeners. */
export class ChannelTelemetry implements ListenersObserver {
  readonly #ctx: DurableObjectState;
  readonly #name: ChannelName;
  readonly #kind: Kind;
  readonly #listeners: () => number;
  readonly #reporter: Reporter;
  /** Whether the registry knows that the channel has listeners; undefined after a wake. */
  #hasReportedListeners: boolean | undefined;

  constructor({ ctx, env, name, kind }: Subject, { listeners, onGap, onReportFailed }: Callbacks) {
    this.#ctx = ctx;
    this.#name = name;
    this.#kind = kind;
    this.#listeners = listeners;
    this.#reporter = new Reporter(async (counted) => {
      const count = listeners();
      const gapAt = await registryStub(env, name).report(name, count, counted);
      this.#hasReportedListeners = count > 0;
      if (gapAt > 0) onGap(gapAt);
    }, onReportFailed);
  }

  /** Reports what could not be reported before, if anything. */
  reportPending(): void {
    // After a wake it is unknown whether the last report arrived; repeating it is harmless.
    if (this.#reporter.isDue || this.#hasReportedListeners === undefined) this.#report();
  }

  opened(): void {
    this.#reporter.counts.count("tidings_connections_opened_total", { kind: this.#kind });
    this.#reportListeners();
  }

  closed({ connectedAt, requestId }: Listener, code: number): void {
    const seconds = connectedAt > 0 ? Math.max(Date.now() - connectedAt, 0) / 1000 : null;
    const isKnown = code in CLOSE_CODES || CLIENT_CODES.includes(code);
    const labels = { kind: this.#kind };
    this.#reporter.counts.count("tidings_connections_closed_total", {
      ...labels,
      code: isKnown ? String(code) : "other",
    });
    if (seconds !== null) this.#reporter.counts.observe("tidings_connection_duration_seconds", labels, seconds);
    logConnectionEnd({ request_id: requestId, channel: this.#name, code, seconds });
    this.#reportListeners();
  }

  /** @param replayed The number of replayed events; null when history does not reach back. */
  resumed(replayed: number | null): void {
    const kind = this.#kind;
    const outcome = replayed === null ? "not_recovered" : "recovered";
    this.#reporter.counts.count("tidings_resumes_total", { kind, outcome });
    this.#reporter.counts.count("tidings_replayed_events_total", { kind }, replayed ?? 0);
  }

  /**
   * @param sent How many events were sent, summed over all listeners.
   * @param source null for events that the channel made itself.
   */
  delivered(
    events: AcceptedEvent[],
    outcomes: PublishOutcome[],
    sent: number,
    source: Source | null,
    now: number,
  ): void {
    const { counts } = this.#reporter;
    counts.count("tidings_deliveries_total", { kind: this.#kind }, sent);
    if (source) {
      // The events of a batch are mostly alike, so equal ones are counted together.
      const alike = Map.groupBy(
        events.keys(),
        (i) => `${events[i]?.type} ${outcomes[i]?.status} ${events[i]?.acceptedAt}`,
      );
      for (const [first = 0, ...others] of alike.values()) {
        const [event, outcome] = [events[first], outcomes[first]];
        if (!event || !outcome) continue;
        const { type, acceptedAt } = event;
        const times = others.length + 1;
        counts.count("tidings_events_published_total", { type, ...source, outcome: outcome.status }, times);
        if (outcome.status !== "applied") continue;
        // The clocks of two machines may differ.
        const seconds = Math.max(now - acceptedAt, 0) / 1000;
        counts.observe("tidings_publish_to_send_seconds", { via: source.via }, seconds, times);
      }
    }
    this.#report();
  }

  limited(limit: ConnectionLimit | "client_messages"): void {
    this.#reporter.counts.count("tidings_rate_limited_total", { limit });
    this.#report();
  }

  /** @param reason What was wrong with the token of an `authenticate` message. */
  tokenRefused(reason: string): void {
    this.#reporter.counts.count("tidings_auth_failures_total", { reason });
    this.#report();
  }

  /** Reports the number of listeners, at once when the first one connected or the last one left. */
  #reportListeners(): void {
    this.#reporter.changed(this.#waitUntil, this.#listeners() > 0 !== this.#hasReportedListeners);
  }

  #report(): void {
    this.#reporter.changed(this.#waitUntil);
  }

  readonly #waitUntil = (promise: Promise<unknown>) => this.#ctx.waitUntil(promise);
}
