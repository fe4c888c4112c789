import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { step } from "../../src/sdk/connection/machine.ts";
import { type Effect, type Input, initialState, NEVER, type State } from "../../src/sdk/connection/machine-state.ts";
import { runMachine } from "../../src/sdk/connection/runner.ts";

/** Whatever a frame contains, it neither stops the connection nor spoils its position. */

afterEach(() => void vi.restoreAllMocks());

/** A live connection, run as in a page. @param onEvent The page's callback. */
function live(onEvent: (seq: number) => void) {
  const start = initialState({ position: null, filter: null, wasLive: false, tuning: {} });
  const machine = runMachine<State, Input, Effect>(
    start,
    step,
    () => NEVER,
    (effect) => {
      if (effect.type === "event") onEvent(effect.event.seq);
    },
  );
  machine.take({ type: "connect" });
  reopen(machine.take, { epoch: "e", seq: 0, resumed: null });
  return machine;
}

function reopen(take: (input: Input) => void, data: object): void {
  take({ type: "tick" });
  take({ type: "token", token: "t", expiresAt: NEVER, user: "alice" });
  take({ type: "frame", frame: { type: "connection_established", data, ts: "2026-11-22T10:00:00.000Z" } });
}

const goodFrame = (seq: number) => ({
  type: "order_shipped",
  data: { order_id: "o" },
  id: `event-${seq}`,
  seq,
  ts: "2026-11-22T10:00:00.000Z",
});

const odd = fc.oneof(
  fc.anything(),
  fc.constantFrom<unknown>(
    { toString: 1 },
    { valueOf: 1, toString: 1 },
    1.5,
    -1,
    2 ** 53,
    Number.NaN,
    "7",
    null,
    [],
    {},
  ),
);
/** Frames that are odd in one field or in all; some have a `seq`, but none is a good next event. */
const oddFrame = fc.oneof(
  odd,
  fc
    .record({
      type: fc.oneof(odd, fc.constantFrom("order_shipped", "position", "token_expiring", "ack_request", "closing")),
      seq: odd.filter((seq) => !(Number.isSafeInteger(seq) && Number(seq) > 0)),
      ts: odd,
      id: odd,
      data: fc.oneof(
        odd,
        fc.record({
          expires_at: odd,
          product_id: odd,
          epoch: odd,
          seq: odd,
          code: odd.filter((code) => !Number.isSafeInteger(code)),
        }),
      ),
    })
    .filter(({ type }) => type !== "connection_established"),
  fc.record({
    ...Object.fromEntries(Object.entries(goodFrame(1)).map(([key, value]) => [key, fc.constant(value)])),
    ts: odd,
  }),
  fc.constant({ type: "token_expiring", data: { expires_at: { toString: 1 } } }),
);

test("odd frames are skipped: the position stays a safe integer, and good frames are still delivered", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  fc.assert(
    fc.property(fc.array(oddFrame, { maxLength: 20 }), (frames) => {
      const seqs: number[] = [];
      const machine = live((seq) => seqs.push(seq));
      for (const frame of frames) {
        machine.take({ type: "frame", frame });
        expect(Number.isSafeInteger(machine.state.position?.seq)).toBe(true);
        expect(["live", "backoff"]).toContain(machine.state.phase);
      }
      const { seq } = machine.state.position ?? { seq: 0 };
      if (machine.state.phase === "backoff") reopen(machine.take, { epoch: "e", seq, resumed: true });
      machine.take({ type: "frame", frame: goodFrame(seq + 1) });
      machine.take({ type: "frame", frame: goodFrame(seq + 2) });
      expect(seqs.slice(-2)).toEqual([seq + 1, seq + 2]);
      expect(machine.state.status.state).toBe("live");
    }),
    { numRuns: 1000 },
  );
});

test("a callback that throws is logged, and the next event is delivered", () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  const seqs: number[] = [];
  const machine = live((seq) => {
    seqs.push(seq);
    throw new Error("a bug in the page");
  });
  for (const seq of [1, 2]) machine.take({ type: "frame", frame: goodFrame(seq) });
  expect(seqs).toEqual([1, 2]);
  expect(log).toHaveBeenCalledTimes(2);
});
