import type { ChannelView, Findings } from "./checker.ts";

/** What publishers were told is what happened. */

/** Every acknowledged event is where its answer says, once; an event refused as late is nowhere. */
export function checkAnswers(view: ChannelView, found: Findings): void {
  const { channel, bySeq, seqById, base } = view;
  const newest = newestVersions(view);
  for (const event of view.published.values()) {
    const { id, answers, mayBeLost } = event;
    const seq = seqById.get(id);
    /** Whether a newer event of the same order or product justifies dropping this one. */
    const isLate = event.version !== null && event.version <= (newest.get(event.product) ?? -1);
    for (const answer of answers) {
      if (answer.status === "stale") {
        found.expect(seq === undefined, "altered", () => `${channel}: ${id} was answered stale, and is ${seq}`);
        found.expect(
          isLate || base > 0,
          "lost",
          () => `${channel}: ${id} was answered stale, but nothing newer exists`,
        );
        continue;
      }
      if (answer.seq === null) continue;
      const other = bySeq.get(answer.seq);
      found.expect(other === undefined || other.id === id, "reordered", () => {
        return `${channel}: ${id} was acknowledged as ${answer.seq}, which is ${other?.id}`;
      });
      if (other === undefined && answer.seq <= base) found.coveredByGaps++;
      else found.expect(other !== undefined, "lost", () => `${channel}: ${id}, acknowledged as ${answer.seq}`);
    }
    const isQueued = answers.some(({ status }) => status === "queued") && answers.every(({ seq }) => seq === null);
    if (!isQueued || mayBeLost || (isLate && seq === undefined)) continue;
    // The position of a stream's entry is unknown, so with a gap nobody can tell where it was.
    if (seq === undefined && base > 0) found.coveredByGaps++;
    else found.expect(seq !== undefined, "lost", () => `${channel}: ${id}, accepted by the stream`);
  }
}

/** The highest version in the log, by product; an order's channel has one entry. */
function newestVersions({ bySeq, published }: ChannelView): Map<string | null, number> {
  const newest = new Map<string | null, number>();
  for (const { id } of bySeq.values()) {
    const { version = null, product = null } = published.get(id) ?? {};
    if (version !== null) newest.set(product, Math.max(version, newest.get(product) ?? -1));
  }
  return newest;
}

/**
 * An event that was sent after another one's answer comes after it. An entry of the stream is answered before it has a
 * position, so it precedes only what was added later.
 */
export function checkOrderOfPublishers({ channel, bySeq, published }: ChannelView, found: Findings): void {
  const inOrder = [...bySeq.values()].sort((a, b) => b.seq - a.seq);
  for (const way of ["http", "stream"]) {
    let earliestAnswer = Number.POSITIVE_INFINITY;
    let later = "";
    for (const { id } of inOrder) {
      const event = published.get(id);
      if (!event || event.via !== way || event.mayBeLost) continue;
      // A call that was answered "queued" went through the stream.
      if (way === "http" && event.answers.some(({ status }) => status === "queued")) continue;
      const { sentAt, answeredAt } = event;
      const next = later;
      found.expect(sentAt < earliestAnswer, "reordered", () => {
        return `${channel}: ${id} was sent after ${next} had been acknowledged, and precedes it`;
      });
      if (answeredAt !== null && answeredAt < earliestAnswer) {
        earliestAnswer = answeredAt;
        later = id;
      }
    }
  }
}

/** Versions of an order or product only grow. */
export function checkVersions({ channel, bySeq, published }: ChannelView, found: Findings): void {
  const newest = new Map<string | null, number>();
  for (const { id, seq } of [...bySeq.values()].sort((a, b) => a.seq - b.seq)) {
    const { version = null, product = null } = published.get(id) ?? {};
    if (version === null) continue;
    const before = newest.get(product) ?? -1;
    found.expect(version > before, "stale state", () => `${channel}: ${seq} has version ${version} after ${before}`);
    newest.set(product, Math.max(version, before));
  }
}
