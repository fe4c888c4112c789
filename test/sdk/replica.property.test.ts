import fc from "fast-check";
import { expect, test } from "vitest";
import type { Output } from "../../src/sdk/connection/link.ts";
import type { OrderEvent, OrderSnapshot } from "../../src/sdk/index.ts";
import { ChannelReplica } from "../../src/sdk/tabs/replica.ts";
import { upTo } from "./support/listener.ts";

/** What tabs tell each other may be lost, late or told twice, and the tab with the socket may go at any moment. */

const EPOCH = "e";
const TABS = 3;

class Tab {
  readonly seqs: number[] = [];
  readonly gaps: Output[] = [];
  readonly snapshots: OrderSnapshot[] = [];
  readonly state: ChannelReplica;

  constructor(seq: number | null = 0) {
    this.state = new ChannelReplica(seq === null ? null : { epoch: EPOCH, seq }, (output) => {
      if (output.type === "event") this.seqs.push(output.event.seq);
      if (output.type === "gap") this.gaps.push(output);
      if (output.type === "snapshot") this.snapshots.push(output.snapshot as OrderSnapshot);
    });
  }

  /** Tells another one what it knows. */
  tell(other: Tab): "missing" | undefined {
    const catchUp = this.state.catchUpFor(other.state.position);
    if (!catchUp) throw new Error("nothing is known here");
    return other.state.catchUp(structuredClone(catchUp));
  }
}

const event = (seq: number): OrderEvent => ({
  type: "order_shipped",
  data: { order_id: "o" },
  id: `event-${seq}`,
  seq,
  ts: "2026-11-22T10:00:00.000Z",
});
const snapshot = (seq: number): OrderSnapshot => ({
  order_id: "o",
  current_status: null,
  payment_status: null,
  channel: "order_o",
  epoch: EPOCH,
  seq,
  resumed: true,
});

/** Every fifth event is of a type that only a newer SDK knows: of it, the connection says the position. */
const isKnown = (seq: number) => seq % 5 !== 3;

interface Move {
  kind: "publish" | "change_leader" | "ask";
  /** Which tabs what is said now reaches. */
  heardBy: boolean[];
  tab: number;
}
const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom("publish", "publish", "publish", "change_leader", "ask"),
  heardBy: fc.array(fc.boolean(), { minLength: TABS, maxLength: TABS }),
  tab: fc.nat(TABS - 1),
});

test("every tab hears every event once, in order, without a gap", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const tabs = Array.from({ length: TABS }, () => new Tab());
      let leader = 0;
      let published = 0;
      const say = (output: Output, heardBy: boolean[]) => {
        const after = tabs[leader]?.state.position ?? null;
        tabs[leader]?.state.apply(output);
        for (const [i, tab] of tabs.entries()) {
          if (i === leader || !heardBy[i]) continue;
          // Who finds something missing asks the leader, as a tab does.
          if (tab.state.apply(output, after) === "missing") answer(i);
        }
      };
      const answer = (i: number) => {
        const [asking, answering] = [tabs[i], tabs[leader]];
        // What a tab that stands further back than the leader misses it has to fetch, and here everybody began together.
        if (asking && answering && asking !== answering) expect(answering.tell(asking)).toBeUndefined();
      };
      const tellPublished = (seq: number, heardBy: boolean[]) =>
        say(
          isKnown(seq) ? { type: "event", event: event(seq) } : { type: "position", position: { epoch: EPOCH, seq } },
          heardBy,
        );
      /** The leader's socket resumes where the leader stands. */
      const connect = (heardBy: boolean[]) => {
        const since = tabs[leader]?.state.position?.seq ?? 0;
        say({ type: "snapshot", snapshot: snapshot(published) }, heardBy);
        for (const seq of upTo(published, since + 1)) tellPublished(seq, heardBy);
      };
      connect([]);
      for (const { kind, heardBy, tab } of moves) {
        if (kind === "publish") {
          tellPublished(++published, heardBy);
        } else if (kind === "ask") answer(tab);
        else {
          leader = tab;
          connect(heardBy);
        }
      }
      for (const i of tabs.keys()) answer(i);
      for (const { seqs, gaps, state } of tabs) {
        expect(seqs).toEqual(upTo(published).filter(isKnown));
        expect(gaps).toEqual([]);
        expect(state.position).toEqual({ epoch: EPOCH, seq: published });
      }
    }),
    { numRuns: 500 },
  );
});

/** A tab that has the socket since the event 10, and told these types of events since. */
function leaderWith(...types: OrderEvent["type"][]): Tab {
  const leader = new Tab(null);
  leader.state.apply({ type: "snapshot", snapshot: { ...snapshot(10), resumed: null, current_status: "pending" } });
  for (const [i, type] of types.entries()) {
    // Of these types none has data that an order's status follows from.
    leader.state.apply({ type: "event", event: { ...event(11 + i), type } as OrderEvent });
  }
  return leader;
}

test("a tab that comes new is told how things stand, and not what was before, as by a connection of its own", () => {
  const fresh = new Tab(null);
  leaderWith("order_shipped", "order_delivered").tell(fresh);
  expect(fresh.seqs).toEqual([]);
  expect(fresh.state.position).toEqual({ epoch: EPOCH, seq: 12 });
  expect(fresh.snapshots).toEqual([{ ...snapshot(12), current_status: "delivered", resumed: null }]);
});

test("a tab that is loaded anew at a later position is told how things stand there, not where the socket began", () => {
  const reloaded = new Tab(11);
  const leader = leaderWith("order_shipped", "order_delivered");
  leader.tell(reloaded);
  expect(reloaded.snapshots).toEqual([{ ...snapshot(12), current_status: "delivered" }]);
  expect(reloaded.seqs).toEqual([12]);
  const upToDate = new Tab(12);
  leader.tell(upToDate);
  expect(upToDate.snapshots).toEqual(reloaded.snapshots);
  expect(upToDate.seqs).toEqual([]);
});

test("a tab whose filter left out what came last stands where the others stand", () => {
  const leader = leaderWith("order_shipped");
  leader.state.apply({ type: "position", position: { epoch: EPOCH, seq: 500 } });
  const other = new Tab(11);
  leader.tell(other);
  expect(other.state.position).toEqual({ epoch: EPOCH, seq: 500 });
  expect(other.state.apply({ type: "event", event: event(501) }, { epoch: EPOCH, seq: 500 })).toBeUndefined();
});

test("a tab that stands further back than any other, or is new and further on, is not told of a gap: it can fetch it", () => {
  const leader = leaderWith("order_shipped");
  const late = new Tab(7);
  expect(late.state.apply({ type: "event", event: event(12) }, leader.state.position)).toBe("missing");
  expect(leader.tell(late)).toBe("missing");
  expect(late.state.position).toEqual({ epoch: EPOCH, seq: 7 });
  expect([late.seqs, late.gaps, late.snapshots]).toEqual([[], [], []]);
  expect(leader.tell(new Tab(20))).toBe("missing");
});

test("a tab keeps as many events for others as the service does, and who stands before them has to fetch them", () => {
  const leader = leaderWith(...upTo(1200).map(() => "order_shipped" as const));
  expect(leader.tell(new Tab(209))).toBe("missing");
  const within = new Tab(210);
  leader.tell(within);
  expect(within.seqs).toEqual(upTo(1210, 211));
  expect(within.gaps).toEqual([]);
});

test("a tab of another epoch is told of the gap", () => {
  const old = new Tab(7);
  const leader = new ChannelReplica(null, () => {});
  leader.apply({ type: "snapshot", snapshot: { ...snapshot(2), epoch: "f" } });
  const catchUp = leader.catchUpFor(old.state.position);
  if (!catchUp) throw new Error("nothing is known here");
  old.state.catchUp(catchUp);
  expect(old.gaps).toEqual([{ type: "gap", gap: { from: { epoch: EPOCH, seq: 7 }, to: { epoch: "f", seq: 2 } } }]);
  expect(old.snapshots).toMatchObject([{ epoch: "f", seq: 2, resumed: false }]);
});
