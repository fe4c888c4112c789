import type { Env } from "../config/env.ts";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import type { ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import { logConnectionEnd } from "../telemetry/log.ts";
import type { Kind } from "../telemetry/metrics.ts";
import { Reporter } from "../telemetry/reporter.ts";
import { registryStub } from "./directory.ts";
import type { Listener } from "./listeners/listener.ts";
import type { ListenersWatcher } from "./listeners/listeners.ts";
import type { LoggedFrame } from "./log/history.ts";

/** The limits that a channel itself keeps, as the metrics have them. */
export type ConnectionLimit = "connections_per_user" | "connections_per_channel";

/** What a close without a close frame is counted as (RFC 6455, section 7.4.1). */
export const NO_CLOSE_CODE = 1006;
/** Codes that clients close with. Others are counted together: a client may send any, and each would be a series. */
const CLIENT_CODES = [1000, 1001, 1005, NO_CLOSE_CODE];

/** Where a channel is. */
interface Place {
  ctx: DurableObjectState;
  env: Env;
  name: ChannelName;
  kind: Kind;
}

/** Counters and logs what happens in a channel, and tells the registry, with how many listen. */
export class ChannelJournal implements ListenersWatcher {
  readonly #ctx: DurableObjectState;
  readonly #name: ChannelName;
  readonly #kind: Kind;
  readonly #listening: () => number;
  readonly #reporter: Reporter;
  /** Whether the registry knows that somebody listens; undefined after a wake. */
  #isKnownHeard: boolean | undefined;

  /**
   * @param listening How many listen now.
   * @param onGap Told when the registry knows of a gap in the stream.
   * @param onUntold Told when the registry could not be: `tellUntold` tries again.
   */
  constructor(
    { ctx, env, name, kind }: Place,
    listening: () => number,
    onGap: (gapAt: number) => void,
    onUntold: () => void,
  ) {
    this.#ctx = ctx;
    this.#name = name;
    this.#kind = kind;
    this.#listening = listening;
    this.#reporter = new Reporter(async (counted) => {
      const count = listening();
      const gapAt = await registryStub(env, name).report(name, count, counted);
      this.#isKnownHeard = count > 0;
      if (gapAt > 0) onGap(gapAt);
    }, onUntold);
  }

  /** Tells the registry what it could not be told before, if anything. */
  tellUntold(): void {
    // After a wake nobody knows whether the last report arrived: one more does no harm.
    if (this.#reporter.isDue || this.#isKnownHeard === undefined) this.#changed();
  }

  opened(_: Listener): void {
    this.#reporter.counts.count("tidings_connections_opened_total", { kind: this.#kind });
    this.#tellListening();
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
    this.#tellListening();
  }

  /** @param missed What is replayed; null when history does not reach back. */
  resumed(missed: LoggedFrame[] | null): void {
    const kind = this.#kind;
    const outcome = missed ? "recovered" : "not_recovered";
    this.#reporter.counts.count("tidings_resumes_total", { kind, outcome });
    this.#reporter.counts.count("tidings_replayed_events_total", { kind }, missed?.length ?? 0);
  }

  /**
   * @param deliveries What became of each event.
   * @param sent How many events went out, each listener's counted.
   * @param source null for events that the channel makes of itself.
   */
  delivered(
    events: AcceptedEvent[],
    deliveries: PublishOutcome[],
    sent: number,
    source: Source | null,
    now: number,
  ): void {
    const { counts } = this.#reporter;
    counts.count("tidings_deliveries_total", { kind: this.#kind }, sent);
    if (source) {
      // What came together is mostly alike, and is counted together.
      const alike = Map.groupBy(
        events.keys(),
        (i) => `${events[i]?.type} ${deliveries[i]?.status} ${events[i]?.acceptedAt}`,
      );
      for (const [first = 0, ...others] of alike.values()) {
        const [event, delivery] = [events[first], deliveries[first]];
        if (!event || !delivery) continue;
        const { type, acceptedAt } = event;
        counts.count(
          "tidings_events_published_total",
          { type, ...source, outcome: delivery.status },
          others.length + 1,
        );
        if (delivery.status !== "applied") continue;
        // The clocks of two machines may differ.
        const seconds = Math.max(now - acceptedAt, 0) / 1000;
        counts.observe("tidings_publish_to_send_seconds", { via: source.via }, seconds, others.length + 1);
      }
    }
    this.#changed();
  }

  limited(limit: ConnectionLimit | "client_messages"): void {
    this.#reporter.counts.count("tidings_rate_limited_total", { limit });
    this.#changed();
  }

  /** @param reason What was wrong with the token of an `authenticate` message. */
  tokenRefused(reason: string): void {
    this.#reporter.counts.count("tidings_auth_failures_total", { reason });
    this.#changed();
  }

  /** Whether anybody listens at all is told at once. */
  #tellListening(): void {
    this.#reporter.schedule(this.#waitUntil, this.#listening() > 0 !== this.#isKnownHeard);
  }

  #changed(): void {
    this.#reporter.schedule(this.#waitUntil);
  }

  readonly #waitUntil = (promise: Promise<unknown>) => this.#ctx.waitUntil(promise);
}
