import { expect, test } from "vitest";
import { admitAfter, admitLocally } from "../../../../../src/channels/products/shards/admission.ts";
import { RecentFrames } from "../../../../../src/channels/products/shards/recent-frames.ts";

/** How a shard admits clients. */

const frame = (seq: number) => ({ seq, productId: "p", text: "{}" });
/** A shard at position 9 that has kept the frames 6 to 9. */
function shardAtNine() {
  const recent = new RecentFrames(1000);
  recent.reset(5);
  recent.append([6, 7, 8, 9].map(frame));
  return { head: { epoch: "e", seq: 9 }, recent };
}
const at = (seq: number, epoch = "e") => ({ epoch, seq });
const seqsOf = (admission: ReturnType<typeof admitLocally>) => admission?.missed?.map(({ seq }) => seq);

test("a new client starts at the head, or where its products begin to arrive", () => {
  expect(admitLocally(shardAtNine(), 3, null)).toEqual({ position: at(9), missed: null });
  expect(admitLocally(shardAtNine(), 12, null)).toEqual({ position: at(12), missed: null });
  expect(admitLocally(shardAtNine(), 3, "invalid")).toEqual({ position: at(9), missed: null });
});

test("a client resumes from what the shard has kept", () => {
  expect(seqsOf(admitLocally(shardAtNine(), 3, at(7)))).toEqual([8, 9]);
  expect(seqsOf(admitLocally(shardAtNine(), 3, at(9)))).toEqual([]);
});

test.each([
  ["its products do not arrive here", null, at(7)],
  ["its products arrive here since a later position", 8, at(7)],
  ["it comes from a shard that is ahead", 3, at(10)],
  ["it has missed more than the shard has kept", 3, at(4)],
  ["it comes from another epoch", 3, at(7, "other")],
])("the root is asked when %s", (_, coveredFrom, resume) => {
  expect(admitLocally(shardAtNine(), coveredFrom, resume)).toBeNull();
});

test("what was pushed while the root answered follows its answer", () => {
  const joined = (seq: number, missed: ReturnType<typeof frame>[] | null) =>
    admitAfter(shardAtNine(), { position: at(seq), missed });
  expect(joined(9, [frame(4)])).toEqual({ position: at(9), missed: [frame(4)] });
  expect(joined(11, null)).toEqual({ position: at(11), missed: null });
  expect(joined(7, null)).toEqual({ position: at(9), missed: null });
  expect(seqsOf(joined(7, [frame(4)]))).toEqual([4, 8, 9]);
  expect(joined(4, [frame(4)])).toBeNull();
});

test("the oldest frames are dropped beyond the limit", () => {
  const recent = new RecentFrames(10);
  recent.reset(0);
  for (let seq = 1; seq <= 20; seq++) recent.append([frame(seq)]);
  expect(recent.start).toBe(15);
  expect([...(recent.since(15) ?? [])].map(({ seq }) => seq)).toEqual([16, 17, 18, 19, 20]);
  expect([...(recent.since(18) ?? [])].map(({ seq }) => seq)).toEqual([19, 20]);
  expect(recent.since(14)).toBeNull();
});
