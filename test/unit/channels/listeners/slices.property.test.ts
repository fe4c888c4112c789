import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MAX_SLICE_CHARACTERS, Slices } from "../../../../src/channels/listeners/slices.ts";

const MAX_COST = MAX_SLICE_CHARACTERS / 2;

let nextTurn: () => void = () => {};
beforeEach(() => {
  const wait = () =>
    new Promise<void>((resolve) => {
      nextTurn = resolve;
    });
  vi.stubGlobal("scheduler", { wait: vi.fn(wait) });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const target = fc.nat(4);
const operation = fc.oneof(
  fc.record({ do: fc.constant("run" as const), targets: fc.uniqueArray(target), cost: fc.nat(MAX_COST) }),
  fc.record({ do: fc.constant("catch up" as const), target }),
  fc.record({ do: fc.constant("turn" as const) }),
);

/** Checks that each target's work is done once, in order, in bounded turns, and completely once a call is answered. */
const property = (create: () => Slices<number>) =>
  fc.asyncProperty(fc.array(operation, { maxLength: 30, size: "max" }), async (operations) => {
    const slices = create();
    const due = new Map<number, number[]>();
    const done = new Map<number, number[]>();
    let spent = 0;
    let catchesUp = false;
    const faults: string[] = [];
    /** Calls that are not answered yet. */
    let open = 0;
    const turn = async () => {
      spent = 0;
      nextTurn();
      await new Promise((resolve) => setImmediate(resolve));
    };
    for (const [call, operation] of operations.entries()) {
      if (operation.do === "turn") await turn();
      if (operation.do === "catch up") {
        catchesUp = true;
        slices.catchUp(operation.target, 0);
        catchesUp = false;
        const { target } = operation;
        if (`${done.get(target)}` !== `${due.get(target)}`) faults.push(`${target} is behind`);
      }
      if (operation.do !== "run") continue;
      const { targets, cost } = operation;
      spent = 0;
      for (const target of targets) due.set(target, [...(due.get(target) ?? []), call]);
      const check = () => {
        if (!targets.every((target) => done.get(target)?.includes(call))) faults.push(`${call} was answered too early`);
      };
      const work = (target: number) => {
        if (!catchesUp && spent >= MAX_SLICE_CHARACTERS) faults.push("a turn is too long");
        spent += catchesUp ? 0 : cost;
        done.set(target, [...(done.get(target) ?? []), call]);
        return cost;
      };
      const later = slices.run(targets, work, 0);
      if (!later) {
        check();
        continue;
      }
      open++;
      later.then(
        () => {
          open--;
          check();
        },
        (error: unknown) => faults.push(String(error)),
      );
    }
    for (let turns = 0; turns < operations.length * 5; turns++) await turn();
    expect(open).toBe(0);
    expect(done).toEqual(due);
    expect(faults).toEqual([]);
    vi.mocked(scheduler.wait).mockClear();
    await turn();
    expect(scheduler.wait).not.toHaveBeenCalled();
  });

test("[promise 2] every listener receives each broadcast once, in order, however many turns they take", async () => {
  await fc.assert(
    property(() => new Slices()),
    { numRuns: 200 },
  );
});

test("[promise 5] a broadcast that fails is reported, and the next one is sent", async () => {
  const slices = new Slices<number>();
  const failing = slices.run(
    [1, 2, 3],
    (target) => {
      if (target === 2) throw new Error("failed");
      return MAX_SLICE_CHARACTERS;
    },
    0,
  );
  const next = slices.run([1, 2, 3], () => 1, 0);
  nextTurn();
  await expect(failing).rejects.toThrow("failed");
  nextTurn();
  await next;
});

describe("the property fails with a seeded bug:", () => {
  class DoesNotQueue extends Slices<number> {
    override run(...call: Parameters<Slices<number>["run"]>) {
      return new Slices<number>().run(...call);
    }
  }
  class LeavesBehind extends Slices<number> {
    override catchUp() {}
  }
  class Unbounded extends Slices<number> {
    override run(targets: Iterable<number>, work: (target: number, now: number) => number, now: number) {
      return super.run(targets, (...target) => work(...target) && 0, now);
    }
  }

  test.each([DoesNotQueue, LeavesBehind, Unbounded])("%o", async (Broken) => {
    expect(
      (
        await fc.check(
          property(() => new Broken()),
          { numRuns: 200 },
        )
      ).failed,
    ).toBe(true);
  });
});
