import { FrameBatch } from "../../listeners/frame-batch.ts";
import type { TakeAnswer, TakeRequest } from "./contract.ts";
import { enterEpoch, isLate } from "./enter-epoch.ts";
import type { Shard } from "./shard.ts";

/**
 * Sends the events that the root pushes, each once: what the listeners have been sent already is dropped. Answers once
 * everything is sent and the new position survives hibernation. Pushes wait for each other: the root repeats one whose
 * answer is late, and the answer to the repetition must not precede what it repeats.
 */
export function take(shard: Shard, push: TakeRequest): Promise<TakeAnswer> {
  const answer = shard.lastTake.then(() => takeNow(shard, push, Date.now()));
  shard.lastTake = answer.catch(() => {});
  return answer;
}

async function takeNow(shard: Shard, push: TakeRequest, now: number): Promise<TakeAnswer> {
  const { after, upTo, frames, isReset, interestVersion } = push;
  const { head, incarnation, listeners, recent } = shard;
  shard.learnPlan(push.plan);
  if (shard.isIdle(now)) {
    shard.unregister();
    return { status: "empty", incarnation };
  }
  if (isLate(shard, push)) return want(shard, interestVersion, now);
  if (isReset) {
    shard.drain.abandonAll();
    head.clear();
  }
  enterEpoch(shard, push, after, now);
  const { seq } = shard.position();
  if (after > seq) return want(shard, interestVersion, now);
  const fresh = frames.filter((frame) => frame.seq > seq);
  recent.append(fresh);
  const position = head.advance(upTo);
  const { receivers, rest } = listeners.outgoing.broadcast(new FrameBatch(fresh), now);
  await rest;
  head.save(position);
  shard.sendRate.note(Date.now());
  shard.telemetry.reportNews();
  const sent = receivers.reduce((sum, count) => sum + count, 0);
  return { status: "taken", head: position, sent, ...acknowledgementOf(shard, interestVersion, now) };
}

function want(shard: Shard, interestVersion: number | null, now: number): TakeAnswer {
  return { status: "want", head: shard.position(), ...acknowledgementOf(shard, interestVersion, now) };
}

function acknowledgementOf(shard: Shard, interestVersion: number | null, now: number) {
  const { incarnation, listeners, interest } = shard;
  const { count } = listeners;
  shard.reportedCount = count;
  return { incarnation, count, interest: interest.replacement(interestVersion, now) };
}
