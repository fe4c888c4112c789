import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { CHANNEL_RULE, type ChannelName } from "../../../src/protocol/names.ts";
import { problem } from "../../../src/protocol/refusals.ts";
import { BatchQueue } from "../../../src/sdk/publisher/batch-queue.ts";
import { PublishError } from "../../../src/sdk/publisher/publish-error.ts";
import { type BatchEvent, createPublisher } from "../../../src/sdk/publisher/publisher.ts";
import { FAIL_FOR_AN_HOUR } from "../../support/failing-orders.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { failureOf, withFaultyService } from "../../support/faulty-service.ts";
import { listenOnLoopback } from "../../support/loopback.ts";
import { listenAt, registerOrderAt } from "../../support/node-client.ts";
import { startTidings } from "../../support/workerd.ts";

/** Many events: `publishBatch`, and publishes that are collected into batches. */

const MAX_BODY_BYTES = 1024 * 1024;

const service = withFaultyService();
const sizesOf = () => service.bodies.map((body) => JSON.parse(body).events.length);
const inventory = (productId: string, quantity = 1, more: Record<string, unknown> = {}): BatchEvent => ({
  channel: "products",
  type: "inventory_updated",
  data: { product_id: productId, new_quantity: quantity, ...more },
});

describe("publishBatch", () => {
  test("has one result per event, in order, and goes on past a bad event", async () => {
    const orderId = crypto.randomUUID();
    const results = await service
      .publisher()
      .publishBatch([
        inventory("a"),
        inventory("b", -1),
        { channel: "order_17", type: "order_delivered", data: {} },
        { channel: `order_${orderId}`, type: "order_delivered", data: {}, id: "delivered" },
      ]);
    expect(results.map(({ status }) => status)).toEqual(["applied", "rejected", "rejected", "applied"]);
    expect(results[1]).toMatchObject({ error: { status: 422, errors: [{ field: "data.new_quantity" }] } });
    expect(results[2]?.error).toEqual(
      problem("validation_failed", { errors: [{ field: "channel", message: CHANNEL_RULE }] }),
    );
    expect(results[3]).toMatchObject({ id: "delivered", channel: `order_${orderId}`, seq: 1 });
  });

  test("without events makes no call", async () => {
    expect(await service.publisher().publishBatch([])).toEqual([]);
    expect(service.bodies).toEqual([]);
  });

  test("with more than 1,000 events makes several calls, in order", async () => {
    const orderId = crypto.randomUUID();
    const events = Array.from({ length: 2500 }, (_, i): BatchEvent => {
      return { channel: `order_${orderId}`, type: "order_status_changed", data: { new_status: `s${i}` } };
    });
    const results = await service.publisher().publishBatch(events);
    expect(sizesOf()).toEqual([1000, 1000, 500]);
    expect(results.map((result) => ("seq" in result ? result.seq : result))).toEqual(events.map((_, i) => i + 1));
  });

  test("with more than 1 MB makes several calls, however many bytes a character has", async () => {
    const events = Array.from({ length: 60 }, (_, i) => inventory(`p-${i}`, i, { note: "緑".repeat(20_000) }));
    const results = await service.publisher().publishBatch(events);
    expect(results.every(({ status }) => status === "applied")).toBe(true);
    expect(service.bodies.length).toBeGreaterThan(3);
    for (const body of service.bodies) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MAX_BODY_BYTES);
  });

  test("with an event that is larger than a call rejects that event only", async () => {
    const large = { ...inventory("large", 1, { note: "x".repeat(MAX_BODY_BYTES) }), id: "large" };
    const results = await service.publisher().publishBatch([inventory("a"), large, inventory("b")]);
    expect(results.map(({ status }) => status)).toEqual(["applied", "rejected", "applied"]);
    const { detail: _, ...error } = results[1]?.error ?? {};
    expect(error).toEqual(problem("body_too_large"));
  });

  test("retries a lost answer with the same ids, and is applied once", async () => {
    const listener = await listenAt(service.url, "products");
    service.proxy.fault = "lose reply";
    service.failOnly((number) => number === 1);
    const results = await service.publisher().publishBatch([inventory("a"), inventory("b")]);
    expect(results.map(({ status }) => status)).toEqual(["duplicate", "duplicate"]);
    expect(service.bodies[0]).toBe(service.bodies[1]);
    await service.publisher().publishBatch([inventory("c")]);
    expect((await listener.receive(3)).map(({ data }) => data.product_id)).toEqual(["a", "b", "c"]);
    listener.close();
  });

  test("names the events whose fate is unknown when the whole call fails", async () => {
    service.proxy.fault = "500";
    const events = [
      { ...inventory("a"), id: "one" },
      { ...inventory("b"), id: "two" },
    ];
    const error = await failureOf(service.publisher({ maxTries: 2 }).publishBatch(events));
    expect(error).toMatchObject({ status: 500, isRetryable: true, ids: ["one", "two"] });
    expect(service.bodies).toHaveLength(2);
  });

  test("sends nothing after a failed call, and the rest can be published again with the same ids", async () => {
    const orderId = crypto.randomUUID();
    const events = Array.from({ length: 2500 }, (_, i): BatchEvent => {
      return { channel: `order_${orderId}`, type: "order_status_changed", data: { new_status: `s${i}` }, id: `e${i}` };
    });
    service.proxy.fault = "500";
    service.failOnly((number) => number === 2);
    const { ids } = await failureOf(service.publisher({ maxTries: 1 }).publishBatch(events));
    expect(ids).toEqual(events.slice(1000).map(({ id }) => id));
    expect(sizesOf()).toEqual([1000, 1000]);
    const results = await service.publisher().publishBatch(events.filter(({ id }) => ids.includes(String(id))));
    expect(results.map(({ seq }) => seq)).toEqual(events.slice(1000).map((_, i) => 1001 + i));
  });

  test("that fails stops no other publish that waits for the same publisher's next call", async () => {
    service.proxy.fault = "500";
    service.failOnly((number) => number === 1);
    const publisher = service.publisher({ maxTries: 1, batch: { maxEvents: 2, maxDelayMs: 1 } });
    const failing = failureOf(publisher.publishBatch(["a", "b", "c"].map((id) => ({ ...inventory(id), id }))));
    const other = publisher.publishProductUpdate("product_deleted", { product_id: "d" });
    expect((await failing).ids).toEqual(["a", "b", "c"]);
    expect(await other).toMatchObject({ status: "applied" });
    expect(sizesOf()).toEqual([2, 1]);
  });
});

describe("a channel that stays unreachable", () => {
  /** The orders of the calls so far, in the order of their events. */
  let calls: string[][];
  let isReachable: boolean;
  const server = createServer(async (request, response) => {
    const { events } = JSON.parse(await text(request));
    calls.push(events.map(({ data }: BatchEvent) => data.n));
    const error = { type: "about:blank", title: "Unavailable", status: 503 };
    const results = events.map(({ channel, id }: BatchEvent) =>
      channel === `order_${BAD}` && !isReachable
        ? { status: "rejected", error }
        : { id, channel, seq: 1, status: "applied" },
    );
    response.end(JSON.stringify({ results }));
  });
  const BAD = "fa110000-0000-4000-8000-000000000000";
  const GOOD = "123e4567-e89b-12d3-a456-426614174000";
  let url: string;
  beforeAll(async () => {
    url = await listenOnLoopback(server);
  });
  beforeEach(() => {
    calls = [];
    isReachable = false;
  });
  afterAll(() => server.close());

  test("[promise 5] stops no event of another channel, however often it is tried", async () => {
    const publisher = createPublisher({ url, key: "key", maxTries: 1_000_000, batch: { maxDelayMs: 1 } });
    const bad = publisher.publishOrderUpdate(BAD, "order_delivered", { n: "bad 1" });
    const later = publisher.publishOrderUpdate(BAD, "order_delivered", { n: "bad 2" });
    for (let n = 1; n <= 20; n++) {
      await publisher.publishOrderUpdate(GOOD, "order_delivered", { n: `good ${n}` });
    }
    expect(await Promise.race([bad, "still tried"])).toBe("still tried");
    isReachable = true;
    expect(await Promise.all([bad, later])).toMatchObject([{ status: "applied" }, { status: "applied" }]);
    const ofBad = calls.map((numbers) => numbers.filter((n) => n.startsWith("bad"))).filter(({ length }) => length > 0);
    const both = ["bad 1", "bad 2"];
    expect(ofBad.slice(0, 2)).toEqual([both, both]);
  });
});

test("a batch has the time that its newest event has, also when an older one is retried after it", async () => {
  vi.useFakeTimers();
  // No back-off but the first.
  vi.spyOn(Math, "random").mockReturnValue(0).mockReturnValueOnce(0.9);
  onTestFinished(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  const event = (channel: ChannelName) => ({ channel, type: "t", data: "{}", id: channel, version: null, order: null });
  const unreached = { status: "rejected", error: { type: "about:blank", title: "Unavailable", status: 503 } };
  const calls: { channels: string[]; deadline: number }[] = [];
  const queue = new BatchQueue(
    async (_, body, deadline) => {
      const channels = JSON.parse(body).events.map(({ channel }: BatchEvent) => channel);
      calls.push({ channels, deadline });
      // The second call takes until the event of the first may be tried again.
      if (calls.length === 2) await new Promise((resolve) => setTimeout(resolve, 1000));
      return {
        results: channels.map((id: string) => (calls.length <= 2 ? unreached : { id, channel: id, status: "applied" })),
      };
    },
    { maxTries: 20, deadlineMs: 30_000 },
    { maxEvents: 1000 },
  );
  const start = Date.now();
  const results = [queue.add(event("order_a"))];
  await vi.advanceTimersByTimeAsync(100);
  results.push(queue.add(event("order_b")));
  queue.sendNow();
  await vi.advanceTimersByTimeAsync(2000);
  expect(await Promise.all(results)).toMatchObject([{ status: "applied" }, { status: "applied" }]);
  expect(calls.at(-1)).toEqual({ channels: ["order_b", "order_a"], deadline: start + 100 + 30_000 });
});

test("a failed call ends the back-off of the channels whose events it fails", async () => {
  const unreached = { status: "rejected", error: { type: "about:blank", title: "Unavailable", status: 503 } };
  const sent: string[] = [];
  const queue = new BatchQueue(
    async (_, body) => {
      const { channel } = JSON.parse(body).events[0];
      sent.push(channel);
      if (channel === "order_b") throw new PublishError("refused");
      return { results: [sent.length === 1 ? unreached : { id: "a", channel, status: "applied" }] };
    },
    { maxTries: 20, deadlineMs: 30_000 },
    { maxEvents: 1 },
  );
  // The longest back-off.
  vi.spyOn(Math, "random").mockReturnValue(0.999);
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const event = (channel: ChannelName) => ({ channel, type: "t", data: "{}", id: channel, version: null, order: null });
  const group = Symbol();
  const failed = await Promise.allSettled([queue.add(event("order_a"), group), queue.add(event("order_b"), group)]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const next = queue.add(event("order_a"));
  // Without a timer: the event does not wait.
  expect(sent).toEqual(["order_a", "order_b", "order_a"]);
  await next;
});

test("an unreachable channel is retried alone and stops no other", async () => {
  const failing = await startTidings(FAIL_FOR_AN_HOUR, "test/support/workers/failing-orders.ts");
  const between = new FaultProxy(failing.url);
  const sizes: number[] = [];
  between.applies = (body) => {
    sizes.push(JSON.parse(body).events.length);
    return false;
  };
  try {
    const order = (id: string): BatchEvent => ({ channel: `order_${id}`, type: "order_delivered", data: {} });
    const [bad, good] = await service
      .publisher({ url: await between.listen(), maxTries: 3 })
      .publishBatch([order("fa110000-0000-4000-8000-000000000000"), order(crypto.randomUUID())]);
    expect(bad).toMatchObject({ status: "rejected", error: { status: 503 } });
    expect(good).toMatchObject({ status: "applied" });
    expect(sizes).toEqual([2, 1, 1]);
  } finally {
    await between.close();
    await failing.stop();
  }
});

describe("with `batch`, publishes are collected", () => {
  test("into calls, in order, and each has its own answer", async () => {
    const orderId = await registerOrderAt(service.url);
    const listener = await listenAt(service.url, `orders/${orderId}`);
    const publisher = service.publisher({ batch: { maxEvents: 20 } });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        publisher.publishOrderUpdate(orderId, "order_status_changed", { new_status: `s${i}` }),
      ),
    );
    expect(sizesOf()).toEqual([20, 20, 10]);
    const frames = await listener.receive(50);
    expect(frames.map(({ data }) => data.new_status)).toEqual(answers.map((_, i) => `s${i}`));
    expect(frames.map(({ id }) => id)).toEqual(answers.map(({ id }) => id));
    listener.close();
  });

  test("into calls that do not exceed the maximum, even if it is not an integer", async () => {
    const publisher = service.publisher({ batch: { maxEvents: 2.5 } });
    const publish = (id: string) => publisher.publishProductUpdate("product_deleted", { product_id: id });
    await Promise.all(["a", "b", "c", "d", "e"].map(publish));
    expect(sizesOf()).toEqual([2, 2, 1]);
  });

  test("and a bad event fails alone", async () => {
    const publisher = service.publisher({ batch: {} });
    const publish = (quantity: number) =>
      publisher.publishProductUpdate("inventory_updated", { product_id: "a", new_quantity: quantity });
    const [good, bad, other] = await Promise.allSettled([publish(1), publish(-1), publish(2)]);
    expect(sizesOf()).toEqual([3]);
    expect([good?.status, other?.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(bad).toMatchObject({ status: "rejected", reason: { name: "PublishError", status: 422 } });
  });

  test("and sent after the maximum delay without a flush", async () => {
    const publisher = service.publisher({ batch: { maxDelayMs: 5 } });
    expect(await publisher.publishProductUpdate("product_deleted", { product_id: "a" })).toHaveProperty("seq");
  });

  test("and later changes to their data do not count", async () => {
    const listener = await listenAt(service.url, "products");
    const publisher = service.publisher({ batch: {} });
    const data = { product_id: "before" };
    const publishing = publisher.publishProductUpdate("product_deleted", data);
    data.product_id = "after";
    await publishing;
    expect((await listener.receive(1))[0]?.data.product_id).toBe("before");
    listener.close();
  });

  test("`flush` sends waiting events, and resolves when all of them are settled", async () => {
    const publisher = service.publisher({ batch: { maxDelayMs: 60_000 } });
    const settled: string[] = [];
    const publish = (productId: string) =>
      publisher.publishProductUpdate("product_deleted", { product_id: productId }).then(
        () => settled.push(productId),
        () => settled.push(`${productId} failed`),
      );
    void publish("a");
    void publish("");
    await publisher.flush();
    expect(settled.sort()).toEqual([" failed", "a"]);
  });

  test("`close` loses nothing, and later publishes are refused", async () => {
    service.proxy.fault = "500";
    service.failOnly((number) => number <= 2);
    const publisher = service.publisher({ batch: { maxDelayMs: 60_000 } });
    const publishing = publisher.publishProductUpdate("product_deleted", { product_id: "a" });
    await publisher.close();
    expect(await publishing).toMatchObject({ status: "applied" });
    await expect(publisher.publishProductUpdate("product_deleted", { product_id: "b" })).rejects.toThrow("closed");
  });
});
