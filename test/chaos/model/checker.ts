import { isDeepStrictEqual } from "node:util";
import { checkListener } from "./check-listener.ts";
import { checkAnswers, checkOrderOfPublishers, checkVersions } from "./check-publishers.ts";
import { checkState } from "./check-state.ts";
import type { ListenerLog, Published, Received, RunRecord } from "./record.ts";

/**
 * Compares what publishers were told with what listeners received and with the histories. Per channel: nothing
 * acknowledged is missing, nothing came twice, the order is the same for all, positions have no holes, states are those
 * of the events, and nothing reached a listener that is not its own.
 */

export const VIOLATIONS = [
  "lost",
  "twice",
  "reordered",
  "hole",
  "stale state",
  "leak",
  "altered",
  "silent gap",
] as const;
export interface Violation {
  kind: (typeof VIOLATIONS)[number];
  /** What differs, by positions and ids. */
  detail: string;
}

export interface Verdict {
  violations: Violation[];
  /** How many comparisons were made. */
  checks: number;
  /** Acknowledged events that a declared gap covers: they are older than the history, and no listener received them. */
  coveredByGaps: number;
}

/** One channel, as the union of its history and of all listeners' logs. */
export interface ChannelView {
  channel: string;
  bySeq: Map<number, Received>;
  seqById: Map<string, number>;
  /** The lowest position that the history begins after, and the channel's position at the end. */
  base: number;
  head: number;
  published: Map<string, Published>;
  listeners: ListenerLog[];
}

/** Collects violations and counts comparisons. */
export class Findings {
  readonly violations: Violation[] = [];
  checks = 0;
  coveredByGaps = 0;

  /** @param holds Whether the comparison came out as it must. */
  expect(holds: boolean, kind: Violation["kind"], detail: () => string): void {
    this.checks++;
    if (!holds) this.violations.push({ kind, detail: detail() });
  }
}

export function checkRun(record: RunRecord): Verdict {
  const found = new Findings();
  for (const history of record.histories) {
    const { channel } = history;
    const view: ChannelView = {
      channel,
      bySeq: new Map(),
      seqById: new Map(),
      base: history.base,
      head: history.seq,
      published: new Map(record.published.filter((one) => one.channel === channel).map((one) => [one.id, one])),
      listeners: record.listeners.filter((one) => one.channel === channel),
    };
    uniteLogs(view, history.events, found);
    history.events.forEach(({ seq }, i) => {
      const expected = history.base + 1 + i;
      found.expect(seq === expected, "hole", () => `${channel}: the history has ${seq} in place of ${expected}`);
    });
    found.expect(history.base + history.events.length === history.seq, "lost", () => {
      return `${channel}: the history ends at ${history.base + history.events.length}, the channel at ${history.seq}`;
    });
    checkContent(view, found);
    checkAnswers(view, found);
    checkOrderOfPublishers(view, found);
    checkVersions(view, found);
    for (const listener of view.listeners) checkListener(view, listener, record.mayLosePosition, found);
    checkState(view, history.state, record.initialState, found);
  }
  const { violations, checks, coveredByGaps } = found;
  return { violations, checks, coveredByGaps };
}

/** Enters every event by position and by id: all logs must agree. */
function uniteLogs(view: ChannelView, history: Received[], found: Findings): void {
  const logs = [history, ...view.listeners.flatMap(({ segments }) => segments.map(({ events }) => events))];
  for (const event of logs.flat()) {
    const known = view.bySeq.get(event.seq);
    found.expect(known === undefined || known.id === event.id, "reordered", () => {
      return `${view.channel}: ${event.seq} is ${known?.id} for one and ${event.id} for another`;
    });
    const seq = view.seqById.get(event.id);
    found.expect(seq === undefined || seq === event.seq, "twice", () => {
      return `${view.channel}: ${event.id} is both ${seq} and ${event.seq}`;
    });
    if (known === undefined) view.bySeq.set(event.seq, event);
    if (seq === undefined) view.seqById.set(event.id, event.seq);
  }
}

/** Every event is one that was published to this channel, with the same content. */
function checkContent({ channel, bySeq, published }: ChannelView, found: Findings): void {
  for (const { id, seq, type, data } of bySeq.values()) {
    const sent = published.get(id);
    found.expect(sent !== undefined, "leak", () => `${channel}: ${seq} (${id}) was never published here`);
    if (!sent) continue;
    const isSame = sent.type === type && Object.entries(sent.data).every(([k, v]) => isDeepStrictEqual(data[k], v));
    found.expect(isSame, "altered", () => `${channel}: ${seq} (${id}) is not what was published`);
  }
}
