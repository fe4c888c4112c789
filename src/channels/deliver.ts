import type { AcceptedEvent, PublishOutcome, PublishResult, Source } from "../protocol/publish.ts";
import { OBJECT_CALL_TIMEOUT_MS, withinTimeLimit } from "../runtime/time-limit.ts";
import type { Core } from "./core.ts";
import { FrameBatch } from "./listeners/frame-batch.ts";
import type { LoggedFrame } from "./log/log-event.ts";

/**
 * How long a publisher waits for its events to be sent: half as long as its call may take. They are already durable, and
 * are sent in any case; the wait slows down publishers that are faster than their listeners.
 */
export const MAX_WAIT_FOR_LISTENERS_MS = OBJECT_CALL_TIMEOUT_MS / 2;

/**
 * Appends events and sends them to the listeners. Appending is one transaction, and the runtime holds every frame and
 * the answer until it is durable (the output gate): no listener sees what a crash could undo.
 * @param source null for events that the channel generates itself.
 * @returns One outcome per event, in the order of the events; a promise when sending takes more than this turn. All are
 * `unavailable`, and nothing is stored, while too many earlier events wait to be sent.
 */
export function deliver(
  core: Core,
  events: AcceptedEvent[],
  source: Source | null,
  now: number,
): PublishOutcome[] | Promise<PublishOutcome[]> {
  if (events.length === 0) return [];
  if (source && core.listeners.outgoing.isFull)
    return events.map(({ id, channel }) => ({ id, channel, status: "unavailable" }));
  const frames: LoggedFrame[] = [];
  const outcomes = inTransaction(core, () => {
    const appended = events.map((event) => append(core, event, frames, now));
    if (frames.length > 0) core.topic.save();
    return appended;
  });
  // Before any frame is sent: a listener without access receives nothing of this delivery.
  const revocation = core.topic.commit();
  if (revocation) core.listeners.closeWhere(revocation);
  const record = (receivers: readonly number[]) => {
    const sent = receivers.reduce((sum, count) => sum + count, 0);
    core.telemetry.delivered(events, outcomes, sent, source, now);
  };
  if (frames.length === 0) {
    record([]);
    return outcomes;
  }
  core.alarm.ensure(Math.min(core.log.expiresAt(), core.topic.dueAt()), now);
  const { receivers, rest } = core.listeners.outgoing.broadcast(new FrameBatch(frames), now);
  const elsewhere = core.fanOut?.published(frames, now) ?? null;
  const answer = () => {
    noteReceivers(outcomes, frames, receivers, elsewhere);
    return outcomes;
  };
  if (!rest) {
    record(receivers);
    return answer();
  }
  core.ctx.waitUntil(rest.then(() => record(receivers)));
  return withinTimeLimit(rest, MAX_WAIT_FOR_LISTENERS_MS, () => {}).then(answer);
}

function inTransaction<T>({ storage, log, topic }: Core, body: () => T): T {
  try {
    return storage.transaction(body);
  } catch (error) {
    log.invalidate();
    topic.rollback();
    throw error;
  }
}

/** Appends one event unless the log has it or its version is stale. Adds what is to be sent to `frames`. */
function append({ log, topic }: Core, event: AcceptedEvent, frames: LoggedFrame[], now: number): PublishOutcome {
  const { id, channel } = event;
  const seen = log.find(id);
  if (seen !== undefined) {
    if (!log.isSameEvent(seen, event)) return { id, channel, status: "conflict" };
    return { id, channel, seq: seen, status: "duplicate", receivers: 0 };
  }
  const applied = topic.apply(event, now);
  if (applied === "stale") return { id, channel, seq: null, status: "stale", receivers: 0 };
  if (applied.endsReplay) log.epochs.endReplay();
  for (const correction of applied.corrections) frames.push(log.append(correction, now));
  const frame = log.append(event, now);
  frames.push(frame);
  return { id, channel, seq: frame.seq, status: "applied", receivers: 0 };
}

/**
 * @param receivers How many listeners each frame has been sent to.
 * @param elsewhere How many listeners at other objects each is for, as far as known.
 */
function noteReceivers(
  outcomes: PublishOutcome[],
  frames: LoggedFrame[],
  receivers: readonly number[],
  elsewhere: number[] | null,
): void {
  const all = (i: number) => (receivers[i] ?? 0) + (elsewhere?.[i] ?? 0);
  const bySeq = new Map<number | null, number>(frames.map(({ seq }, i) => [seq, all(i)]));
  const applied = outcomes.filter((outcome): outcome is PublishResult => outcome.status === "applied");
  for (const outcome of applied) outcome.receivers = bySeq.get(outcome.seq) ?? 0;
}
