import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/site/demo/page/ledger.ts";

/** What the demo's counters say, so that "nothing missed" means it. */

const at = (seq: number, epoch = "a") => ({ epoch, seq });
const begun = (seq: number) => {
  const ledger = new Ledger();
  ledger.at(at(seq));
  return ledger;
};

describe("the demo's ledger", () => {
  test("counts what came against what there was", () => {
    const ledger = begun(7);
    for (const seq of [8, 9, 10]) ledger.receives(seq);
    expect(ledger.counts()).toEqual({ received: 3, expected: 3, missed: 0, twice: 0 });
  });

  test("sees an event that never came", () => {
    const ledger = begun(0);
    for (const seq of [1, 3]) ledger.receives(seq);
    expect(ledger.counts()).toMatchObject({ received: 2, expected: 3, missed: 1 });
  });

  test("expects what the service acknowledged, until it comes", () => {
    const ledger = begun(0);
    ledger.knows(2);
    expect(ledger.counts()).toMatchObject({ expected: 2, missed: 2 });
    for (const seq of [1, 2]) ledger.receives(seq);
    expect(ledger.counts()).toMatchObject({ received: 2, expected: 2, missed: 0 });
  });

  test("sees an event that came twice, and counts it once", () => {
    const ledger = begun(0);
    for (const seq of [1, 2, 2]) ledger.receives(seq);
    expect(ledger.counts()).toEqual({ received: 2, expected: 2, missed: 0, twice: 1 });
  });

  test("goes on across a new connection of the same epoch, and begins anew in another", () => {
    const ledger = begun(0);
    ledger.receives(1);
    ledger.at(at(1));
    expect(ledger.counts()).toMatchObject({ received: 1, expected: 1 });
    ledger.at(at(5, "b"));
    expect(ledger.counts()).toEqual({ received: 0, expected: 0, missed: 0, twice: 0 });
  });

  test("a gap that was told is not a miss", () => {
    const ledger = begun(0);
    ledger.receives(1);
    ledger.gap(at(50));
    ledger.receives(51);
    expect(ledger.counts()).toEqual({ received: 1, expected: 1, missed: 0, twice: 0 });
  });

  test("a first frame whose message had events, too, hides none of them", () => {
    const ledger = begun(3);
    for (const seq of [1, 2, 3]) ledger.receives(seq);
    expect(ledger.counts()).toEqual({ received: 3, expected: 3, missed: 0, twice: 0 });
  });

  test("expects nothing while nothing is connected", () => {
    const ledger = new Ledger();
    ledger.knows(9);
    expect(ledger.counts()).toMatchObject({ expected: 0, missed: 0 });
  });
});
