import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventLog } from "../../src/channels/log/event-log.ts";
import { ProductsShard } from "../../src/channels/products/shards/products-shard.ts";
import { eventually } from "../support/eventually.ts";
import { serviceRequest } from "../support/service.ts";
import { expectEvents, publishUpdate, received } from "../support/shards/product-updates.ts";
import { forgetShards, listenFrom, setShards } from "../support/shards/sharded-channel.ts";
import type { TestSocket } from "../support/test-socket.ts";

/** A shard that cannot be reached for a while: how the root repeats a push, and from where it serves what was missed. */

/** What the root keeps in memory for its shards, in characters. */
const RING_CHARACTERS = 8 * 1024 * 1024;
const PUSH_TIMEOUT_MS = 10_000;
const BATCH_CHARACTERS = 900_000;
/** More than one page of the log. */
const BATCHES_BEYOND = 4;

let socket: TestSocket;
beforeEach(async () => {
  await setShards(1);
  ({ socket } = await listenFrom({ products: ["wanted"] }));
  await expectEvents(socket, [(await publishUpdate("wanted")).seq]);
});
afterEach(async () => {
  vi.restoreAllMocks();
  socket.close();
  await forgetShards(1);
});

/** Publishes more than the ring holds. The first event of each batch is wanted. @returns Their positions. */
async function overflowRing(charactersEach: number): Promise<number[]> {
  const wanted: number[] = [];
  const text = "x".repeat(charactersEach);
  for (let n = 0; n < RING_CHARACTERS / BATCH_CHARACTERS + BATCHES_BEYOND; n++) {
    const events = Array.from({ length: Math.floor(BATCH_CHARACTERS / charactersEach) }, (_, n) => ({
      channel: "products",
      type: "product_updated",
      data: n === 0 ? { product_id: "wanted" } : { product_id: "other", text },
    }));
    const response = await serviceRequest("POST", "/api/v1/publish/batch", { events });
    const { results } = await response.json<{ results: { seq: number }[] }>();
    wanted.push(Number(results[0]?.seq));
  }
  return wanted;
}

test("[promise 2] a push without an answer is repeated after 10 s, and its events arrive once", async () => {
  const setRealTimeout = setTimeout;
  let isExpired = false;
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((callback: () => void, milliseconds = 0) => {
    if (milliseconds !== PUSH_TIMEOUT_MS) return setRealTimeout(callback, milliseconds);
    // Each object's timers run in the object's own context.
    const expire = () => (isExpired ? callback() : setRealTimeout(expire, 5));
    return setRealTimeout(expire, 5);
  }) as typeof setTimeout);
  const take = ProductsShard.prototype.take;
  let isHolding = true;
  const pushes = vi.spyOn(ProductsShard.prototype, "take").mockImplementationOnce(async function (
    this: ProductsShard,
    push,
  ) {
    const answer = await take.call(this, push);
    while (isHolding) await scheduler.wait(5);
    return answer;
  });
  const { seq } = await publishUpdate("wanted");
  await expectEvents(socket, [seq]);
  expect(pushes).toHaveBeenCalledTimes(1);
  isExpired = true;
  await eventually(() => expect(pushes).toHaveBeenCalledTimes(2));
  const next = await publishUpdate("wanted");
  await expectEvents(socket, [next.seq]);
  isHolding = false;
});

test("[promise 2] a shard that lacks more than the root has in memory is served in pages from the log", async () => {
  const failing = vi.spyOn(ProductsShard.prototype, "take").mockRejectedValue(new Error("unreachable for the test"));
  const missed = await overflowRing(20_000);
  const page = vi.spyOn(EventLog.prototype, "page");
  failing.mockRestore();
  const { seq } = await publishUpdate("wanted");
  await expectEvents(socket, [...missed, seq]);
  expect(page.mock.calls.length).toBeGreaterThan(1);
});

test("[promise 3] a shard that lacks more than the log has closes its sockets with 4200", async () => {
  vi.spyOn(ProductsShard.prototype, "take").mockRejectedValue(new Error("unreachable for the test"));
  await overflowRing(8000);
  vi.restoreAllMocks();
  await publishUpdate("wanted");
  expect((await socket.closed()).code).toBe(4200);
  expect(received(socket)).toEqual([]);
});
