import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { RecentFrames } from "../../../../../src/channels/products/shards/recent-frames.ts";

/** What the root and the shards keep of the latest frames. */

const FRAME_CHARACTERS = 1000;
const frame = (seq: number) => ({ seq, productId: "p", text: "x".repeat(FRAME_CHARACTERS) });

test("beyond the limit, the oldest frames are dropped, and the others stay in order", () => {
  const recent = new RecentFrames(3 * FRAME_CHARACTERS);
  for (let seq = 1; seq <= 7; seq++) {
    recent.append([frame(seq)]);
    const start = Math.max(seq - 3, 0);
    expect(recent.start).toBe(start);
    expect(recent.since(start - 1)).toBeNull();
    expect([...(recent.since(start) ?? [])].map((one) => one.seq)).toEqual(
      [1, 2, 3].map((n) => start + n).filter((n) => n <= seq),
    );
  }
});

test("a dropped frame is not kept in memory", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  const recent = new RecentFrames(10 * FRAME_CHARACTERS);
  const oldest = (() => {
    const first = frame(1);
    recent.append([first, ...Array.from({ length: 10 }, (_, n) => frame(n + 2))]);
    return new WeakRef(first);
  })();
  // A `WeakRef` keeps its target until the end of the job that made it.
  await setImmediate();
  collectGarbage();
  expect(recent.start).toBe(1);
  expect(oldest.deref()).toBeUndefined();
});
