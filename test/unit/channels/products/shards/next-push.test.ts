import { describe, expect, test } from "vitest";
import { type History, nextPush, type ShardState } from "../../../../../src/channels/products/shards/next-push.ts";

/** What the root pushes to a shard. */

const frame = (seq: number, productId = "p", text = "{}") => ({ seq, productId, text });

/** A history of events of `p`, from `oldest` on, in memory; `ended` has the last `seq` of former epochs. */
function historyOf(
  head: number,
  {
    oldest = 1,
    ended = {},
    frames = [],
  }: { oldest?: number; ended?: Record<string, number>; frames?: ReturnType<typeof frame>[] } = {},
): History {
  const all = frames.length > 0 ? frames : Array.from({ length: head }, (_, i) => frame(i + 1));
  return {
    epoch: "now",
    head,
    epochStart: Object.values(ended).at(-1) ?? head,
    endOf: (epoch) => ended[epoch] ?? null,
    since: (seq) => (seq + 1 < oldest ? null : { frames: all.filter((one) => one.seq > seq), upTo: head }),
  };
}

const shardAt = (seq: number, more: Partial<ShardState> = {}): ShardState => ({
  acked: { epoch: "now", seq },
  isAckedKnown: true,
  scanned: seq,
  isProbeDue: false,
  wants: () => true,
  ...more,
});

const seqsOf = (push: ReturnType<typeof nextPush>) => ("frames" in push ? push.frames.map(({ seq }) => seq) : []);

test("a push has what follows the acknowledged position", () => {
  const push = nextPush(shardAt(3), historyOf(5));
  expect(push).toMatchObject({ epoch: "now", after: 3, upTo: 5, isReset: false });
  expect(seqsOf(push)).toEqual([4, 5]);
});

test("a shard that has everything is sent nothing, unless it is probed", () => {
  expect(nextPush(shardAt(5), historyOf(5))).toEqual({ scanned: 5 });
  expect(nextPush(shardAt(5, { isProbeDue: true }), historyOf(5))).toMatchObject({ after: 5, upTo: 5, frames: [] });
});

test("events that the shard does not want are looked at once, and the next push begins before them", () => {
  const wants = (product: string | null) => product === "wanted";
  const others = historyOf(4);
  expect(nextPush(shardAt(2, { wants }), others)).toEqual({ scanned: 4 });
  const frames = [frame(3), frame(4), frame(5, "wanted"), frame(6)];
  const push = nextPush(shardAt(2, { wants, scanned: 4 }), historyOf(6, { frames }));
  expect(push).toMatchObject({ after: 2, upTo: 6 });
  expect(seqsOf(push)).toEqual([5]);
});

test("a push is at most 256 KB long, and complete up to its end", () => {
  const frames = [1, 2, 3].map((seq) => frame(seq, "p", "x".repeat(100 * 1024)));
  const push = nextPush(shardAt(0), historyOf(3, { frames }));
  expect(push).toMatchObject({ after: 0, upTo: 2 });
  expect(seqsOf(push)).toEqual([1, 2]);
});

test("a shard behind the history is told to let its listeners reconnect", () => {
  const push = nextPush(shardAt(1), historyOf(9, { oldest: 5 }));
  expect(push).toEqual({ epoch: "now", after: 9, upTo: 9, frames: [], isReset: true });
});

describe("a shard in a former epoch", () => {
  const former = (seq: number, more: Partial<ShardState> = {}) =>
    shardAt(seq, { acked: { epoch: "before", seq }, ...more });

  test("receives the rest of that epoch first", () => {
    const push = nextPush(former(3), historyOf(8, { ended: { before: 5 } }));
    expect(push).toMatchObject({ epoch: "before", after: 3, upTo: 5 });
    expect(seqsOf(push)).toEqual([4, 5]);
  });

  test("receives the rest of that epoch first, also when a page of the log has nothing for it", () => {
    const frames = [frame(4), frame(5), frame(6, "wanted"), frame(7), frame(8, "wanted")];
    const history = historyOf(8, { ended: { before: 7 } });
    const inPagesOfTwo: History = {
      ...history,
      since: (seq) => {
        const page = frames.filter((one) => one.seq > seq).slice(0, 2);
        return { frames: page, upTo: page.at(-1)?.seq ?? 8 };
      },
    };
    const wants = (product: string | null) => product === "wanted";
    expect(nextPush(former(3, { wants }), inPagesOfTwo)).toEqual({ scanned: 5 });
    const push = nextPush(former(3, { wants, scanned: 5 }), inPagesOfTwo);
    expect(push).toMatchObject({ epoch: "before", after: 3, upTo: 7 });
    expect(seqsOf(push)).toEqual([6]);
  });

  test("then enters the new one, whether or not there are events", () => {
    const push = nextPush(former(5), historyOf(8, { ended: { before: 5 } }));
    expect(push).toMatchObject({ epoch: "now", after: 5, upTo: 8 });
    expect(seqsOf(push)).toEqual([6, 7, 8]);
    expect(nextPush(former(5), historyOf(5, { ended: { before: 5 } }))).toMatchObject({
      epoch: "now",
      after: 5,
      upTo: 5,
    });
  });

  test("is asked for its position first, if that is a guess", () => {
    const push = nextPush(former(5, { isAckedKnown: false }), historyOf(5, { ended: { before: 5 } }));
    expect(push).toMatchObject({ epoch: "before", after: 5, upTo: 5, frames: [] });
  });

  test("that nobody remembers enters the new one at the head", () => {
    expect(nextPush(former(2), historyOf(8))).toMatchObject({ epoch: "now", after: 8, upTo: 8, frames: [] });
  });
});
