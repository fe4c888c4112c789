import { beforeEach, describe, expect, test } from "vitest";
import {
  FailingChannels,
  MAX_ROWS_PER_CHANNEL,
  MAX_TRIES,
  MAX_WAITING_ROWS,
} from "../../../src/ingress/redis/failing-channels.ts";
import { RelayStore } from "../../../src/ingress/redis/relay-store.ts";
import { MemoryStorage } from "../../support/object-storage.ts";

const MINUTE = 60_000;
let storage: MemoryStorage;
let store: RelayStore;
let failing: FailingChannels;
let now: number;

beforeEach(() => {
  storage = new MemoryStorage();
  open();
  now = 1_000_000;
});

/** As after an eviction. */
function open() {
  store = new RelayStore(storage.asStorage);
  failing = new FailingChannels(store, storage.asStorage.sql);
}

function fillOutbox(channel: string, rows: number) {
  const from = store.waitingRows;
  for (let i = 0; i < rows; i++) {
    storage.sql.exec("INSERT INTO outbox (channel, row, events) VALUES (?, ?, ?)", channel, from + i, "[]");
  }
  open();
}

/** Fails until the channel is to be given up. Returns the number of tries, at most `max`. */
function failUntilGivenUp(channel: string, failure: Parameters<FailingChannels["failed"]>[1], max: number): number {
  for (let tries = 1; tries <= max; tries++) {
    now += 30_000;
    if (failing.failed(channel, failure, now)) return tries;
  }
  return max;
}

describe("a failing channel is given up", () => {
  test(`after ${MAX_TRIES} tries when its own code fails`, () => {
    expect(failUntilGivenUp("a", "thrown", 10_000)).toBe(MAX_TRIES);
  });

  test("after as many when other channels take events meanwhile", () => {
    for (let tries = 1; tries < MAX_TRIES; tries++) {
      now += 30_000;
      failing.delivered("b", now);
      expect(failing.failed("a", "unreachable", now)).toBe(false);
    }
    expect(failing.failed("a", "unreachable", now)).toBe(true);
  });

  test("never while the platform is down, however long that is", () => {
    failing.delivered("b", now);
    expect(failUntilGivenUp("a", "unreachable", 10_000)).toBe(10_000);
    expect(failUntilGivenUp("b", "unreachable", 10_000)).toBe(10_000);
  });

  test("never while it is busy, although other channels take events", () => {
    failing.delivered("b", now);
    expect(failUntilGivenUp("a", "busy", 10_000)).toBe(10_000);
  });

  test("after as many tries when the object is evicted between them", () => {
    for (let tries = 1; tries < MAX_TRIES; tries++) {
      expect(failing.failed("a", "thrown", now)).toBe(false);
      open();
    }
    expect(failing.failed("a", "thrown", now)).toBe(true);
  });

  test("and has as many tries again once it has worked", () => {
    failUntilGivenUp("a", "thrown", MAX_TRIES - 1);
    failing.delivered("a", now);
    open();
    expect(failing.has("a")).toBe(false);
    expect(failUntilGivenUp("a", "thrown", 10_000)).toBe(MAX_TRIES);
  });
});

describe("what waits is bounded", () => {
  test("per channel, while the platform works", () => {
    fillOutbox("a", MAX_ROWS_PER_CHANNEL);
    expect(failing.full(now).has("a")).toBe(false);
    failing.failed("a", "thrown", now);
    expect(failing.full(now).has("a")).toBe(true);
    expect(failing.full(now).has("b")).toBe(false);
    expect(failing.isReadingPaused(now)).toBe(false);
  });

  test("by not reading on while the platform is down: nothing becomes a dead letter", () => {
    fillOutbox("a", MAX_ROWS_PER_CHANNEL);
    failing.delivered("b", now);
    failing.failed("a", "unreachable", now);
    expect(failing.full(now).has("a")).toBe(true);
    now += 2 * MINUTE;
    failing.failed("a", "unreachable", now);
    expect(failing.full(now).has("a")).toBe(false);
    fillOutbox("a", MAX_WAITING_ROWS - MAX_ROWS_PER_CHANNEL);
    failing.failed("a", "unreachable", now);
    expect(failing.isReadingPaused(now)).toBe(true);
  });

  test("by not reading on while a channel is busy: nothing becomes a dead letter", () => {
    fillOutbox("a", MAX_ROWS_PER_CHANNEL - 1);
    failing.delivered("b", now);
    failing.failed("a", "busy", now);
    expect(failing.isReadingPaused(now)).toBe(false);
    fillOutbox("a", 1);
    failing.failed("a", "busy", now);
    failing.delivered("b", now);
    expect([failing.isReadingPaused(now), failing.full(now).has("a")]).toEqual([true, false]);
    failing.delivered("a", now);
    expect(failing.isReadingPaused(now)).toBe(false);
  });

  test("in total, with other channels still served, by taking no more for the failing ones", () => {
    for (let i = 0; i < 20; i++) fillOutbox(`a${i}`, MAX_WAITING_ROWS / 20);
    for (let i = 0; i < 20; i++) failing.failed(`a${i}`, "unreachable", now);
    expect(failing.isReadingPaused(now)).toBe(true);
    failing.delivered("b", now);
    expect(failing.isReadingPaused(now)).toBe(false);
    expect(failing.full(now).has("a1")).toBe(true);
    expect(failing.full(now).has("b")).toBe(false);
  });
});

test("a channel that failed for less than a minute does not degrade the service", () => {
  failing.failed("a", "thrown", now);
  expect(failing.count(now + MINUTE - 1)).toBe(0);
  expect(failing.count(now + MINUTE)).toBe(1);
});
