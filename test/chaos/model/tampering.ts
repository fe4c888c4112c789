import type { Violation } from "./checker.ts";
import type { ListenerLog, Published, Received, RunRecord, Segment } from "./record.ts";

/**
 * Bugs that the checker must find, seeded into the record of a sound run: what the service would have left behind if it
 * had the bug.
 */

interface Bug {
  name: string;
  /** Any of these proves that the bug was found. */
  expected: Violation["kind"][];
  /** @returns Whether the record offered an opportunity. */
  seed(record: RunRecord): boolean;
}

const withEvents = (record: RunRecord, count: number) =>
  record.listeners.flatMap(({ segments }) => segments).filter(({ events }) => events.length >= count);
const middleOf = <T>(items: T[]): T | undefined => items[Math.floor(items.length / 2)];

/** Removes an acknowledged event everywhere, and moves the later ones forward, as if it had never been stored. */
function forget(record: RunRecord, { channel, id }: Published): void {
  const history = record.histories.find((one) => one.channel === channel);
  const seq = history?.events.find((event) => event.id === id)?.seq ?? 0;
  const without = (events: Received[]) =>
    events
      .filter((event) => event.id !== id)
      .map((event) => ({ ...event, seq: event.seq - (event.seq > seq ? 1 : 0) }));
  const moved = (position: number) => position - (position >= seq ? 1 : 0);
  for (const { segments } of record.listeners.filter((one) => one.channel === channel)) {
    for (const segment of segments) {
      segment.events = without(segment.events);
      segment.from = moved(segment.from);
      segment.first.seq = moved(segment.first.seq);
    }
  }
  if (!history) return;
  history.events = without(history.events);
  history.seq--;
}

/** An acknowledged event above the base of its history, from the middle of a run. */
const acknowledged = ({ published, histories }: RunRecord) =>
  middleOf(
    published.filter(({ id, channel, answers }) => {
      const history = histories.find((one) => one.channel === channel);
      return answers.some(({ seq }) => seq !== null) && history?.events.some((event) => event.id === id);
    }),
  );

const ofOrders = ({ listeners }: RunRecord) =>
  listeners.filter(({ channel }) => channel !== "products").flatMap(({ segments }: ListenerLog): Segment[] => segments);

export const BUGS: Bug[] = [
  {
    name: "a lost write",
    expected: ["lost", "reordered"],
    seed(record) {
      const victim = acknowledged(record);
      if (victim) forget(record, victim);
      return victim !== undefined;
    },
  },
  {
    name: "a frame that one listener never receives",
    expected: ["hole", "lost"],
    seed(record) {
      const segment = middleOf(withEvents(record, 3));
      segment?.events.splice(1, 1);
      return segment !== undefined;
    },
  },
  {
    name: "a double delivery",
    expected: ["twice"],
    seed(record) {
      const segment = middleOf(withEvents(record, 2));
      const event = segment?.events[0];
      if (event) segment.events.splice(1, 0, event);
      return event !== undefined;
    },
  },
  {
    name: "an event that is applied again under another position",
    expected: ["twice"],
    seed(record) {
      const history = record.histories.find(({ events }) => events.length > 0);
      const event = history?.events[0];
      if (event) history.events.push({ ...event, seq: ++history.seq });
      return event !== undefined;
    },
  },
  {
    name: "a reordering for one listener",
    expected: ["reordered"],
    seed(record) {
      const segment = middleOf(withEvents(record, 3));
      if (segment)
        segment.events = [...segment.events.slice(1, 2), ...segment.events.slice(0, 1), ...segment.events.slice(2)];
      return segment !== undefined;
    },
  },
  {
    name: "two listeners that see another order",
    expected: ["reordered", "twice"],
    seed(record) {
      const segment = middleOf(withEvents(record, 3));
      const [a, b] = segment?.events ?? [];
      if (a && b) [a.id, b.id] = [b.id, a.id];
      return b !== undefined;
    },
  },
  {
    name: "a stale state in a first frame",
    expected: ["stale state"],
    seed(record) {
      const segment = middleOf(ofOrders(record));
      if (segment) segment.first.state = { ...segment.first.state, status: "a former status" };
      return segment !== undefined;
    },
  },
  {
    name: "a snapshot that lags behind",
    expected: ["stale state"],
    seed(record) {
      const history = record.histories.find(({ state }) => state !== null);
      if (history) history.state = { ...history.state, payment_status: "a former status" };
      return history !== undefined;
    },
  },
  {
    name: "a leak of another product's event",
    expected: ["leak"],
    seed(record) {
      const listener = record.listeners.find(
        ({ filter, segments }) => filter && segments.some(({ events }) => events.length > 0),
      );
      if (listener) listener.filter = ["another-product"];
      return listener !== undefined;
    },
  },
  {
    name: "a leak of another order's event",
    expected: ["leak"],
    seed(record) {
      const [one, other] = record.histories.filter(
        ({ channel, events }) => channel !== "products" && events.length > 0,
      );
      const event = other?.events[0];
      if (one && event) one.events.push({ ...event, seq: ++one.seq });
      return one !== undefined && event !== undefined;
    },
  },
  {
    name: "a position that is lost without a reason",
    expected: ["silent gap"],
    seed(record) {
      record.mayLosePosition = false;
      const segment = record.listeners[0]?.segments[0];
      if (segment) segment.resumed = false;
      return segment !== undefined;
    },
  },
];
