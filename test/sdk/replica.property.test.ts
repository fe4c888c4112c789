import fc from "fast-check";
import { expect, test } from "vitest";
import type { Output } from "../../src/sdk/connection/link.ts";
import type { OrderEvent, OrderSnapshot } from "../../src/sdk/index.ts";
import { ChannelReplica } from "../../src/sdk/tabs/replica.ts";
import { upTo } from "./support/listener.ts";

/** Messages between tabs may be lost, late or repeated, and the leader may disappear at any moment. */

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

  /** Lets another tab catch up with this one. */
  share(other: Tab): "missing" | undefined {
    const catchUp = this.state.catchUpFor(other.state.position);
    if (!catchUp) throw new Error("there is no snapshot yet");
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
  tracking_number: null,
  carrier: null,
  payment_status: null,
  channel: "order_o",
  epoch: EPOCH,
  seq,
  resumed: true,
});

/** Every fifth event has a type that only a newer SDK knows; the connection reports its position only. */
const isKnown = (seq: number) => seq % 5 !== 3;

interface Move {
  kind: "publish" | "change_leader" | "ask";
  /** Which tabs receive the messages of this move. */
  reaches: boolean[];
  tab: number;
}
const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom("publish", "publish", "publish", "change_leader", "ask"),
  reaches: fc.array(fc.boolean(), { minLength: TABS, maxLength: TABS }),
  tab: fc.nat(TABS - 1),
});

test("every tab delivers every event once, in order, without a gap", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const tabs = Array.from({ length: TABS }, () => new Tab());
      let leader = 0;
      let published = 0;
      const relay = (output: Output, reaches: boolean[]) => {
        const after = tabs[leader]?.state.position ?? null;
        tabs[leader]?.state.apply(output);
        for (const [i, tab] of tabs.entries()) {
          if (i === leader || !reaches[i]) continue;
          // A follower that finds an event missing asks the leader.
          if (tab.state.apply(output, after) === "missing") answer(i);
        }
      };
      const answer = (i: number) => {
        const [asking, answering] = [tabs[i], tabs[leader]];
        // All tabs started together, so the leader always has what another one misses.
        if (asking && answering && asking !== answering) expect(answering.share(asking)).toBeUndefined();
      };
      /** A filter hides the other events. */
      const relayPublished = (seq: number, reaches: boolean[]) =>
        isKnown(seq) && relay({ type: "event", event: event(seq) }, reaches);
      /** The leader's socket resumes from the leader's position. */
      const connect = (reaches: boolean[]) => {
        const since = tabs[leader]?.state.position?.seq ?? 0;
        relay({ type: "snapshot", snapshot: snapshot(published) }, reaches);
        for (const seq of upTo(published, since + 1)) relayPublished(seq, reaches);
      };
      connect([]);
      for (const { kind, reaches, tab } of moves) {
        if (kind === "publish") {
          relayPublished(++published, reaches);
        } else if (kind === "ask") answer(tab);
        else {
          leader = tab;
          connect(reaches);
        }
      }
      for (const i of tabs.keys()) answer(i);
      for (const { seqs, gaps, state } of tabs) {
        expect(seqs).toEqual(upTo(published).filter(isKnown));
        expect(gaps).toEqual([]);
        expect(state.position?.seq).toBeGreaterThanOrEqual(seqs.at(-1) ?? 0);
      }
    }),
    { numRuns: 500 },
  );
});

/** A leader since position 10 that has received events of these types since. */
function leaderWith(...types: OrderEvent["type"][]): Tab {
  const leader = new Tab(null);
  leader.state.apply({ type: "snapshot", snapshot: { ...snapshot(10), resumed: null, current_status: "pending" } });
  for (const [i, type] of types.entries()) {
    // These types need no data to change the order's status.
    leader.state.apply({ type: "event", event: { ...event(11 + i), type } as OrderEvent });
  }
  return leader;
}

test("a new tab receives the current state and no earlier events, like a new connection", () => {
  const fresh = new Tab(null);
  leaderWith("order_shipped", "order_delivered").share(fresh);
  expect(fresh.seqs).toEqual([]);
  expect(fresh.state.position).toEqual({ epoch: EPOCH, seq: 12 });
  expect(fresh.snapshots).toEqual([{ ...snapshot(12), current_status: "delivered", resumed: null }]);
});

test("a reloaded tab receives the current state, not the state when the socket opened", () => {
  const reloaded = new Tab(11);
  const leader = leaderWith("order_shipped", "order_delivered");
  leader.share(reloaded);
  expect(reloaded.snapshots).toEqual([{ ...snapshot(12), current_status: "delivered" }]);
  expect(reloaded.seqs).toEqual([12]);
  const upToDate = new Tab(12);
  leader.share(upToDate);
  expect(upToDate.snapshots).toEqual(reloaded.snapshots);
  expect(upToDate.seqs).toEqual([]);
});

test("a tab behind all others, or new and ahead of them, reports no gap: it can fetch what is missing", () => {
  const leader = leaderWith("order_shipped");
  const late = new Tab(7);
  expect(late.state.apply({ type: "event", event: event(12) }, leader.state.position)).toBe("missing");
  expect(leader.share(late)).toBe("missing");
  expect(late.state.position).toEqual({ epoch: EPOCH, seq: 7 });
  expect([late.seqs, late.gaps, late.snapshots]).toEqual([[], [], []]);
  expect(leader.share(new Tab(20))).toBe("missing");
});

test("a tab keeps as many events for others as the service does; a tab further behind has to fetch them", () => {
  const leader = leaderWith(...upTo(1200).map(() => "order_shipped" as const));
  expect(leader.share(new Tab(209))).toBe("missing");
  const within = new Tab(210);
  leader.share(within);
  expect(within.seqs).toEqual(upTo(1210, 211));
  expect(within.gaps).toEqual([]);
});

test("a tab of another epoch reports a gap", () => {
  const old = new Tab(7);
  const leader = new ChannelReplica(null, () => {});
  leader.apply({ type: "snapshot", snapshot: { ...snapshot(2), epoch: "f" } });
  const catchUp = leader.catchUpFor(old.state.position);
  if (!catchUp) throw new Error("there is no snapshot yet");
  old.state.catchUp(catchUp);
  expect(old.gaps).toEqual([{ type: "gap", gap: { from: { epoch: EPOCH, seq: 7 }, to: { epoch: "f", seq: 2 } } }]);
  expect(old.snapshots).toMatchObject([{ epoch: "f", seq: 2, resumed: false }]);
});

test("a tab keeps at most a megabyte of events for others", () => {
  const leader = leaderWith();
  const big = { order_id: "o", note: "x".repeat(60_000) };
  for (const seq of upTo(60, 11)) {
    // The catalogue's types have no field of this size.
    leader.state.apply({ type: "event", event: { ...event(seq), data: big } as OrderEvent });
  }
  expect(leader.share(new Tab(10))).toBe("missing");
  const kept = leader.state.catchUpFor({ epoch: EPOCH, seq: 45 });
  expect(kept?.events).toHaveLength(15);
  expect(JSON.stringify(leader.state.catchUpFor({ epoch: EPOCH, seq: 10 })?.events).length).toBeLessThan(1_100_000);
});

test("a tab that joins later gets the status that a shop's own event has set", () => {
  const leader = leaderWith();
  const own = { ...event(11), type: "order_refunded", data: { order_id: "o" }, status: "refunded" };
  // As frames arrive; programs declare types of their own.
  leader.state.apply({ type: "event", event: own as unknown as OrderEvent });
  expect(leader.state.catchUpFor(null)?.snapshot).toMatchObject({ current_status: "refunded", seq: 11 });
});

test("a tab that changed its user gives nothing from before to others, and reports a gap before the new state", () => {
  const outputs: Output[] = [];
  const replica = new ChannelReplica(null, (output) => outputs.push(output));
  replica.apply({ type: "snapshot", snapshot: snapshot(10) });
  replica.apply({ type: "event", event: event(11) });
  replica.forget();
  expect(replica.catchUpFor(null)).toBeNull();
  expect(replica.position).toBeNull();
  outputs.length = 0;
  replica.apply({ type: "snapshot", snapshot: { ...snapshot(13), resumed: null } });
  const gap = { from: { epoch: EPOCH, seq: 11 }, to: { epoch: EPOCH, seq: 13 } };
  expect(outputs).toMatchObject([{ type: "gap", gap }, { type: "snapshot" }]);
  expect(replica.catchUpFor({ epoch: EPOCH, seq: 10 })?.events).toEqual([]);
});
