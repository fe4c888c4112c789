import { setTimeout as wait } from "node:timers/promises";
import { retryOf, UNAUTHENTICATED } from "../protocol/close-rules.ts";
import { PING, PONG, type Position } from "../protocol/frames.ts";
import type { Closing } from "./closing.ts";
import { connect } from "./connection.ts";
import { type ReadFrame, readFrame } from "./frame.ts";

/** Following a channel: listening, coming back after a break, and taking up where it stopped. */

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;
/** A connection that lived this long was a good one: the next back-off begins small again. */
const GOOD_CONNECTION_MS = 5000;

export interface FollowTarget {
  /** Asked before each connection, so that each has a fresh token. */
  socketUrl(position: Position | null): Promise<string>;
  /** Whether a token that ended can be replaced by a new one. */
  canRenewToken: boolean;
  /** Whether every event of the channel should come, so that a hole in `seq` is a gap. */
  isWhole: boolean;
}

type Established = Extract<ReadFrame, { kind: "established" }>["data"];
type Event = Extract<ReadFrame, { kind: "event" }>;

/** Told what happens. */
export interface FollowReport {
  /** Each frame as it came. */
  frame(text: string): void;
  event(event: Event): void;
  connected(data: Established): void;
  /** All that was missed since `since` has come: so many events. */
  recovered(count: number, since: number): void;
  /** What was missed cannot be had. */
  notRecovered(asked: Position, now: Position): void;
  /** Events between these two came neither live nor later: a fault of the service. */
  gap(after: number, before: number): void;
  retrying(closing: Closing, delayMs: number): void;
}

export interface Followed {
  /** `refused`: the service closed for good; `unreachable`: there never was a connection. */
  end: "interrupted" | "refused" | "unreachable";
  closing: Closing;
  /** The last event seen, or null when there never was a connection. */
  position: Position | null;
  connections: number;
}

/** Follows until interrupted, refused for good, or out of reach from the start. */
export async function follow(
  target: FollowTarget,
  start: Position | null,
  report: FollowReport,
  signal: AbortSignal,
): Promise<Followed> {
  let position = start;
  let connections = 0;
  for (let attempt = 0; ; attempt++) {
    const asked = position;
    let establishedAt: number | null = null;
    let missed: { until: number; count: number } | null = null;

    const closing = await connect(
      await target.socketUrl(asked),
      (text, send) => {
        if (text === PONG) {
          // The answer to the `ping` after the first frame comes behind everything that is replayed.
          if (asked && missed && position) {
            report.recovered(missed.count, asked.seq);
            position = { ...position, seq: Math.max(position.seq, missed.until) };
          }
          missed = null;
          return;
        }
        report.frame(text);
        const frame = readFrame(text);
        if (frame.kind === "established") {
          establishedAt = Date.now();
          connections++;
          const { epoch, seq, resumed } = frame.data;
          report.connected(frame.data);
          if (resumed) missed = { until: seq, count: 0 };
          else {
            if (asked) report.notRecovered(asked, { epoch, seq });
            position = { epoch, seq };
          }
          send(PING);
        } else if (frame.kind === "event" && position && frame.seq > position.seq) {
          if (target.isWhole && frame.seq > position.seq + 1) report.gap(position.seq, frame.seq);
          position = { ...position, seq: frame.seq };
          if (missed && frame.seq <= missed.until) missed.count++;
          report.event(frame);
        }
      },
      signal,
    );

    const ended = { closing, position, connections };
    if (signal.aborted) return { end: "interrupted", ...ended };
    if (connections === 0 && closing.code < 4000) return { end: "unreachable", ...ended };
    const retry = isTokenEnd(closing, establishedAt, target) ? "now" : retryOf(closing.code);
    if (retry === "never") return { end: "refused", ...ended };
    if (establishedAt !== null && Date.now() - establishedAt >= GOOD_CONNECTION_MS) attempt = 0;
    const delayMs = reconnectDelay(retry, attempt, Math.random());
    report.retrying(closing, delayMs);
    await wait(delayMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return { end: "interrupted", ...ended };
  }
}

/** A token that was good when the connection began and has ended since is no reason to stop for one who can mint. */
function isTokenEnd({ code }: Closing, establishedAt: number | null, { canRenewToken }: FollowTarget): boolean {
  return code === UNAUTHENTICATED && establishedAt !== null && canRenewToken;
}

/**
 * Back-off with full jitter: after a restart everyone comes back, but not in the same moment.
 * @param attempt 0 for the first one after a good connection.
 * @param random From 0 to 1.
 */
export function reconnectDelay(retry: "backoff" | "now", attempt: number, random: number): number {
  const most = retry === "now" && attempt === 0 ? FIRST_BACKOFF_MS : FIRST_BACKOFF_MS * 2 ** Math.min(attempt, 16);
  return Math.round(random * Math.min(most, MAX_BACKOFF_MS));
}
