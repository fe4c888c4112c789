import type { ChannelView, Findings } from "./checker.ts";
import type { ListenerLog, Received } from "./record.ts";

/** Each listener received every event of its own after its position, once and in order, and no other event. */
export function checkListener(
  view: ChannelView,
  { name, filter, segments, isCaughtUp }: ListenerLog,
  mayLosePosition: boolean,
  found: Findings,
): void {
  const where = `${view.channel}, ${name}`;
  const isOwn = (event: Received) => filter === null || filter.includes(String(event.data.product_id));
  const positions = [...view.bySeq.keys()]
    .filter((seq) => isOwn(view.bySeq.get(seq) as Received))
    .sort((a, b) => a - b);
  const seen = new Set<string>();

  for (const [i, { epoch, from, resumed, events, first }] of segments.entries()) {
    const before = segments[i - 1];
    found.expect(resumed !== false || mayLosePosition, "silent gap", () => {
      return `${where}: its position was not resumed, although nothing happened that may cost it`;
    });
    if (resumed) {
      const last = before?.events.at(-1)?.seq ?? before?.from;
      const isSame = before?.epoch === epoch && last === from;
      found.expect(isSame, "silent gap", () => `${where}: resumed at ${from}, not at ${last}`);
    }
    found.expect(first.seq >= from || resumed !== true, "stale state", () => {
      return `${where}: the first frame is at ${first.seq}, behind its position ${from}`;
    });
    let last = from;
    for (const event of events) {
      found.expect(event.seq > last, event.seq === last || seen.has(event.id) ? "twice" : "reordered", () => {
        return `${where}: ${event.seq} (${event.id}) came after ${last}`;
      });
      found.expect(!seen.has(event.id), "twice", () => `${where}: ${event.id} came twice`);
      found.expect(isOwn(event), "leak", () => `${where}: ${event.seq} is about another product`);
      seen.add(event.id);
      last = Math.max(last, event.seq);
    }
    const isLast = i === segments.length - 1;
    const end = isLast && isCaughtUp ? view.head : last;
    const received = new Set(events.map(({ seq }) => seq));
    const due = filter === null ? allBetween(from, end) : positions.filter((seq) => seq > from && seq <= end);
    for (const seq of due) {
      found.expect(received.has(seq), seq > last ? "lost" : "hole", () => `${where}: ${seq} is missing after ${from}`);
    }
  }
}

/** The positions after `from`, up to `end`. */
function allBetween(from: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - from) }, (_, i) => from + 1 + i);
}
