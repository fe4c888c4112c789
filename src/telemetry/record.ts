import { CLOSE_CODES } from "../protocol/close-codes.ts";
import type { ChannelKind } from "../protocol/names.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import type { Counters } from "./counters.ts";
import { type AuthFailure, CLIENT_CLOSE_CODES, type FaultPlace, type LimitName, OTHER_CLOSE_CODE } from "./labels.ts";

/** Increments every counter and histogram, each in one place. */

// Connections

export function recordConnectionOpened(counters: Counters, kind: ChannelKind): void {
  counters.count("tidings_connections_opened_total", { kind });
}

/** @param seconds How long the socket was open; null when that is not known. */
export function recordConnectionClosed(
  counters: Counters,
  kind: ChannelKind,
  code: number,
  seconds: number | null,
): void {
  const isListed = code in CLOSE_CODES || CLIENT_CLOSE_CODES.includes(code);
  counters.count("tidings_connections_closed_total", { kind, code: isListed ? String(code) : OTHER_CLOSE_CODE });
  if (seconds !== null) counters.observe("tidings_connection_duration_seconds", { kind }, seconds);
}

/** Counts sockets that were gone without a close event. */
export function recordConnectionsLost(counters: Counters, kind: ChannelKind, lost: number): void {
  counters.count("tidings_connections_lost_total", { kind }, lost);
}

/** Counts a handshake that was refused. */
export function recordConnectionRefused(counters: Counters, reason: string): void {
  counters.count("tidings_connections_refused_total", { reason });
}

/** @param replayed How many missed events the client was sent; null when they could not be replayed. */
export function recordResume(counters: Counters, kind: ChannelKind, replayed: number | null): void {
  const outcome = replayed === null ? "not_recovered" : "recovered";
  counters.count("tidings_resumes_total", { kind, outcome });
  counters.count("tidings_replayed_events_total", { kind }, replayed ?? 0);
}

// Events

type Published = Pick<AcceptedEvent, "type" | "acceptedAt">;
type Outcome = Pick<PublishOutcome, "status">;

/**
 * Counts what a channel did with published events, and how long after their acceptance it began to deliver the applied
 * ones.
 * @param outcomes One for each event, in the same order.
 * @param now Milliseconds since 1970.
 */
export function recordPublished(
  counters: Counters,
  source: Source,
  events: readonly Published[],
  outcomes: readonly Outcome[],
  now: number,
): void {
  // Events of one call are mostly alike: count them in runs.
  for (let i = 0, times = 1; i < events.length; i += times) {
    const event = events[i];
    const outcome = outcomes[i];
    if (!event || !outcome) return;
    const isAlike = (j: number) =>
      events[j]?.type === event.type &&
      events[j]?.acceptedAt === event.acceptedAt &&
      outcomes[j]?.status === outcome.status;
    times = 1;
    while (isAlike(i + times)) times++;
    countPublished(counters, source, event, outcome, times);
    if (outcome.status !== "applied") continue;
    // The clocks of two machines may differ.
    const seconds = Math.max(now - event.acceptedAt, 0) / 1000;
    counters.observe("tidings_publish_to_send_seconds", { via: source.via }, seconds, times);
  }
}

/**
 * Counts events that their channel does not count, because it was unreachable or had too much to send: `queued` and
 * `unavailable`.
 * @param outcomes One for each event, in the same order.
 */
export function recordUndelivered(
  counters: Counters,
  source: Source,
  events: readonly Published[],
  outcomes: readonly Outcome[],
): void {
  for (const [i, event] of events.entries()) {
    const outcome = outcomes[i];
    if (outcome?.status === "queued" || outcome?.status === "unavailable") {
      countPublished(counters, source, event, outcome, 1);
    }
  }
}

function countPublished(counters: Counters, source: Source, { type }: Published, outcome: Outcome, times: number) {
  const { via, key } = source;
  counters.count("tidings_events_published_total", { type, via, key, outcome: outcome.status }, times);
}

/**
 * Counts events that were invalid; in a batch, also those beyond the key's scopes; from Redis, also those whose channel was
 * full.
 */
export function recordRejected(counters: Counters, { via, key }: Source, times = 1): void {
  counters.count("tidings_events_rejected_total", { via, key }, times);
}

/** @param sent How many events were sent, summed over all listeners. */
export function recordDeliveries(counters: Counters, kind: ChannelKind, sent: number): void {
  counters.count("tidings_deliveries_total", { kind }, sent);
}

// The Redis stream

/** Adds the relay's own totals to a scrape. */
export function recordRelayTotals(counters: Counters, totals: { gaps: number; deadLetters: number }): void {
  counters.count("tidings_stream_gaps_total", {}, totals.gaps);
  counters.count("tidings_dead_letters_total", {}, totals.deadLetters);
}

// Refusals and faults

/**
 * Counts a refusal because of a limit.
 * @param key The publish key's name, where the limit is per key. Addresses and users are not labels: each would become
 * a time series.
 */
export function recordRateLimited(counters: Counters, limit: LimitName, key = ""): void {
  counters.count("tidings_rate_limited_total", { limit, key });
}

/** Counts a token, key or signature that was refused. */
export function recordAuthFailure(counters: Counters, reason: AuthFailure): void {
  counters.count("tidings_auth_failures_total", { reason });
}

/** Counts a fault; `logFault` calls it. */
export function recordFault(counters: Counters, where: FaultPlace): void {
  counters.count("tidings_errors_total", { where });
}
