import { createClient } from "@redis/client";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createStreamPublisher, PublishError, type StreamRedis } from "../../../src/sdk/publisher/publisher.ts";
import { listenAt, registerOrderAt } from "../../support/node-client.ts";
import { hasRedis } from "../../support/redis.ts";
import { type RedisService, STREAM, startRedisService } from "../../support/redis-service.ts";

/** The publisher through the Redis stream, with common Redis clients, all the way to a listener. */

describe.skipIf(!hasRedis("publishing through the stream"))("through the stream", () => {
  let all: RedisService;
  let client: ReturnType<typeof createClient>;
  let clients: Record<string, StreamRedis>;

  beforeAll(async () => {
    all = await startRedisService();
    client = createClient({ url: all.redis.url });
    await client.connect();
    clients = {
      "@upstash/redis": new Redis({ url: all.bridge.url, token: all.bridge.token, enableTelemetry: false }),
      redis: { command: (...words) => client.sendCommand(words) },
    };
  });
  afterAll(async () => {
    client?.destroy();
    await all?.stop();
  });

  const publisherWith = (name: string) => createStreamPublisher({ redis: clientNamed(name) });
  function clientNamed(name: string): StreamRedis {
    const redis = clients[name];
    if (!redis) throw new Error(`no client ${name}`);
    return redis;
  }

  describe.each(["@upstash/redis", "redis"])("with %s", (name) => {
    test("an event reaches its listeners once, however often its id is written", async () => {
      const orderId = await registerOrderAt(all.service.url);
      const listener = await listenAt(all.service.url, `orders/${orderId}`);
      const publisher = publisherWith(name);
      const data = { carrier: "UPS", tracking_number: "00123", note: "grün, 緑" };
      const queued = await publisher.publishOrderUpdate(orderId, "order_shipped", data);
      expect(queued).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        channel: `order_${orderId}`,
        status: "queued",
      });
      await publisher.publishOrderUpdate(orderId, "order_shipped", data, { id: queued.id });
      await publisher.publishOrderUpdate(orderId, "order_delivered", {}, { version: 7 });
      const frames = await listener.receive(2);
      expect(frames.map(({ type }) => type)).toEqual(["order_shipped", "order_delivered"]);
      expect(frames[0]).toMatchObject({ id: queued.id, data });
      listener.close();
    });

    test("a batch arrives in order", async () => {
      const orderId = await registerOrderAt(all.service.url);
      const listener = await listenAt(all.service.url, `orders/${orderId}`);
      const results = await publisherWith(name).publishBatch(
        Array.from({ length: 30 }, (_, i) => ({
          channel: `order_${orderId}` as const,
          type: "order_status_changed" as const,
          data: { new_status: `s${i}` },
        })),
      );
      expect(results.every(({ status }) => status === "queued")).toBe(true);
      const frames = await listener.receive(30);
      expect(frames.map(({ data }) => data.new_status)).toEqual(results.map((_, i) => `s${i}`));
      listener.close();
    });

    test("a refusal by Redis is thrown immediately, without the event", async () => {
      await all.redis.cli("SET", "no-stream", "text");
      const publisher = createStreamPublisher({ redis: clientNamed(name), stream: "no-stream" });
      const publishing = publisher.publishProductUpdate("product_deleted", { product_id: "payload-of-the-tests" });
      await expect(publishing).rejects.toThrow(PublishError);
      await expect(publishing).rejects.toMatchObject({ isRetryable: false, ids: [expect.any(String)] });
      await expect(publishing).rejects.toThrow(/WRONGTYPE/);
      await expect(publishing).rejects.not.toThrow(/payload-of-the-tests/);
    });
  });

  test("a try whose answer is lost is repeated with the same id", async () => {
    let tries = 0;
    const publisher = createStreamPublisher({
      redis: {
        async command(...words) {
          const reply = await client.sendCommand(words);
          if (words[0] === "XADD" && ++tries === 1) throw new Error("the connection was lost");
          return reply;
        },
      },
      stream: "tried-twice",
    });
    const { id } = await publisher.publishProductUpdate("product_deleted", { product_id: "a" });
    const entries: [string, string[]][] = JSON.parse(await all.redis.cli("--json", "XRANGE", "tried-twice", "-", "+"));
    expect(entries.map(([, words]) => words[words.indexOf("id") + 1])).toEqual([id, id]);
  });

  test("a Redis that never answers is given up at the deadline, and later events are not written", async () => {
    const silent = createStreamPublisher({
      redis: { command: () => new Promise(() => {}) },
      deadlineMs: 200,
    });
    const event = { channel: "products", type: "product_deleted", data: { product_id: "a" } } as const;
    await expect(
      silent.publishBatch([
        { ...event, id: "one" },
        { ...event, id: "two" },
      ]),
    ).rejects.toMatchObject({
      isRetryable: true,
      ids: ["one", "two"],
    });
  });

  test("an infinite deadline gives nothing up", async () => {
    const slow = createStreamPublisher({
      redis: { command: () => new Promise((resolve) => setTimeout(resolve, 50)) },
      deadlineMs: Number.POSITIVE_INFINITY,
      maxTries: 1,
    });
    const queued = await slow.publishProductUpdate("product_deleted", { product_id: "a" });
    expect(queued.status).toBe("queued");
  });

  test("a doorbell that Redis does not confirm is not waited for until the deadline", async () => {
    const publisher = createStreamPublisher({
      redis: { command: async (name) => (name === "PUBLISH" ? new Promise(() => {}) : "1-0") },
      deadlineMs: Number.POSITIVE_INFINITY,
    });
    const queued = await publisher.publishProductUpdate("product_deleted", { product_id: "a" });
    expect(queued.status).toBe("queued");
  });

  test.each([
    ["bytes", "x".repeat(70_000)],
    ["bytes of characters that take three each", "緑".repeat(25_000)],
  ])("an event of too many %s for the service is not written", async (_, note) => {
    const before = await all.redis.cli("XLEN", STREAM);
    const data = { product_id: "a", note };
    await expect(publisherWith("redis").publishProductUpdate("product_deleted", data)).rejects.toThrow(/larger than/);
    expect(await all.redis.cli("XLEN", STREAM)).toBe(before);
  });

  test("an event that is too large does not stop the rest of its batch", async () => {
    const event = { channel: "products", type: "product_deleted" } as const;
    const results = await publisherWith("redis").publishBatch([
      { ...event, data: { product_id: "a" } },
      { ...event, id: "large", data: { product_id: "x".repeat(70_000) } },
      { ...event, data: { product_id: "b" } },
    ]);
    expect(results.map(({ status }) => status)).toEqual(["queued", "rejected", "queued"]);
    expect(results[1]).toMatchObject({ id: "large", error: { status: 413 } });
  });
});
