import fc from "fast-check";
import { expect, test } from "vitest";
import type { OrderEvent, OrderSnapshot } from "../../src/client/index.ts";
import type { Output } from "../../src/client/output.ts";
import { TabState } from "../../src/client/tab-state.ts";
import { upTo } from "./support/listener.ts";

/** What tabs tell each other may be lost, late or told twice, and the tab with the socket may go at any moment. */

const EPOCH = "e";
const TABS = 3;

class Tab {
  readonly seqs: number[] = [];
  readonly gaps: Output[] = [];
  readonly state = new TabState({ epoch: EPOCH, seq: 0 }, (output) => {
    if (output.type === "event") this.seqs.push(output.event.seq);
    if (output.type === "gap") this.gaps.push(output);
  });
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

/** Every fifth event is of a type that only a newer SDK knows: the connection says nothing of it. */
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
        tabs[leader]?.state.take(output);
        for (const [i, tab] of tabs.entries()) {
          if (i === leader || !heardBy[i]) continue;
          // Who finds something missing asks the leader, as a tab does.
          if (tab.state.take(output, after) === "missing") answer(i);
        }
      };
      const answer = (i: number) => {
        const knowledge = tabs[leader]?.state.knowledge;
        if (knowledge && i !== leader) tabs[i]?.state.catchUp(structuredClone(knowledge));
      };
      /** The leader's socket resumes where the leader stands. */
      const connect = (heardBy: boolean[]) => {
        const since = tabs[leader]?.state.position?.seq ?? 0;
        say({ type: "snapshot", snapshot: snapshot(published) }, heardBy);
        for (const seq of upTo(published, since + 1).filter(isKnown))
          say({ type: "event", event: event(seq) }, heardBy);
      };
      connect([]);
      for (const { kind, heardBy, tab } of moves) {
        if (kind === "publish") {
          published++;
          if (isKnown(published)) say({ type: "event", event: event(published) }, heardBy);
        } else if (kind === "ask") answer(tab);
        else {
          leader = tab;
          connect(heardBy);
        }
      }
      for (const i of tabs.keys()) answer(i);
      for (const { seqs, gaps } of tabs) {
        expect(seqs).toEqual(upTo(published).filter(isKnown));
        expect(gaps).toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});

test("a tab that comes new stands where the first frame says, and hears what came after it", () => {
  const leader = new Tab();
  leader.state.take({ type: "snapshot", snapshot: snapshot(0) });
  leader.state.take({ type: "event", event: event(1) });
  const seqs: number[] = [];
  const fresh = new TabState(null, (output) => output.type === "event" && seqs.push(output.event.seq));
  const { knowledge } = leader.state;
  if (!knowledge) throw new Error("the leader knows nothing");
  fresh.catchUp(knowledge);
  expect(seqs).toEqual([1]);
  expect(fresh.position).toEqual({ epoch: EPOCH, seq: 1 });
});

test("a tab that stands further back than anybody remembers is told of the gap", () => {
  const leader = new Tab();
  leader.state.take({ type: "snapshot", snapshot: snapshot(0) });
  for (const seq of upTo(1200)) leader.state.take({ type: "event", event: event(seq) });
  const late = new Tab();
  const { knowledge } = leader.state;
  if (!knowledge) throw new Error("the leader knows nothing");
  late.state.catchUp(knowledge);
  expect(late.gaps).toEqual([{ type: "gap", gap: { from: { epoch: EPOCH, seq: 0 }, to: { epoch: EPOCH, seq: 200 } } }]);
  expect(late.seqs).toEqual(upTo(1200, 201));
});

test("a tab that stands further back than the one with the socket takes no event until it has caught up", () => {
  const leader = new TabState(null, () => {});
  leader.take({ type: "snapshot", snapshot: snapshot(10) });
  const late = new Tab();
  expect(late.state.take({ type: "event", event: event(11) }, leader.position)).toBe("missing");
  leader.take({ type: "event", event: event(11) });
  if (!leader.knowledge) throw new Error("the leader knows nothing");
  late.state.catchUp(leader.knowledge);
  expect(late.gaps).toEqual([{ type: "gap", gap: { from: { epoch: EPOCH, seq: 0 }, to: { epoch: EPOCH, seq: 10 } } }]);
  expect(late.seqs).toEqual([11]);
});
