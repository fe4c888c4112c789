import { createClient } from "@redis/client";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ForwardLock } from "../../src/cli/forward/lock.ts";
import { openConnection } from "../../src/cli/redis/connection.ts";
import { eventually } from "../support/eventually.ts";
import { ForwardProcess } from "../support/forward-process.ts";
import { rememberPayload } from "../support/leak-guard/rules.ts";
import { freePort } from "../support/loopback.ts";
import { listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis, type RedisServer, startRedis } from "../support/redis.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

describe.skipIf(!hasRedis("tidings forward"))("tidings forward", () => {
  let redis: RedisServer;
  let service: Workerd;
  let publisher: Awaited<ReturnType<typeof connect>>;
  const connect = () => createClient({ url: redis.url }).connect();
  beforeAll(async () => {
    [redis, service] = await Promise.all([startRedis(), startTidings()]);
    publisher = await connect();
  });
  afterAll(async () => {
    await publisher?.close();
    await service?.stop();
    await redis?.stop();
  });
  beforeEach(() => redis.cli("FLUSHALL"));

  const start = (args: string[] = [], until?: string) => ForwardProcess.start(redis.url, service.url, args, until);
  const publish = (channel: string, message: unknown) => {
    rememberPayload(message);
    return publisher.publish(channel, typeof message === "string" ? message : JSON.stringify(message));
  };
  const listenToOrder = async () => {
    const order = await registerOrderAt(service.url);
    return { channel: `order_${order}`, order, listener: await listenAt(service.url, `orders/${order}`) };
  };

  test("publishes a burst in order, explains each message that is not an event, and delivers the next without delay", async () => {
    const { channel, listener } = await listenToOrder();
    const metricsPort = await freePort();
    const forward = await start(["--metrics-port", String(metricsPort)]);
    for (let n = 1; n <= 500; n++) publish(channel, { type: "order_shipped", data: { n } });
    await listener.receive(500);
    expect(listener.frames.map(({ data }) => data.n)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));

    const bad: [channel: string, message: unknown, reason: RegExp][] = [
      [channel, "{broken", /is not a JSON object/],
      [channel, { type: "order_eaten", data: {} }, /type must be one of/],
      [channel, { type: "order_shipped", data: { note: "x".repeat(70_000) } }, /data makes an event of more than/],
      ["order_items", { type: "order_shipped", data: {} }, /the channel's name must contain an order id/],
    ];
    for (const [at, message, reason] of bad) {
      const before = listener.frames.length;
      const printed = forward.lines.length;
      await publish(at, message);
      await publish(channel, { type: "order_delivered", data: {} });
      await listener.receive(before + 1);
      expect(await forward.until("skipped", printed)).toMatch(reason);
    }
    await eventually(async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      expect(metrics).toContain("tidings_forward_published_total 504\n");
      expect(metrics).toContain("tidings_forward_skipped_total 4\n");
      expect(metrics).toContain("tidings_forward_active 1\n");
    });
    expect(await forward.stop()).toBe(0);
    expect(forward.lines.at(-1)).toBe(
      "stopped: 508 received, 504 published, 4 skipped, 0 failed, 0 dropped, 0 disconnects in total; 0 waiting",
    );
    listener.close();
  });

  test("reads other shapes: one channel for all orders, and flat messages with their type in `event`", async () => {
    const { order, listener } = await listenToOrder();
    const forward = await start(["--orders", "shop", "--type-field", "event", "--flat"]);
    await publisher.publish("shop", JSON.stringify({ event: "order_shipped", order_id: order, carrier: "UPS" }));
    expect((await listener.receive(1))[0]).toMatchObject({ type: "order_shipped", data: { carrier: "UPS" } });
    expect(await forward.stop()).toBe(0);
    listener.close();
  });

  test.each([
    ["order_*_events", "order_events"],
    ["order_*", "order_all"],
  ])("receives each event of the products once with orders in %s and products in %s", async (orders, products) => {
    const listener = await listenAt(service.url, "products");
    const forward = await start(["--orders", orders, "--products", products]);
    for (const new_price of [1, 2])
      await publish(products, { type: "price_updated", data: { product_id: 1, new_price } });
    await listener.receive(2);
    expect(listener.frames.map(({ data }) => data.new_price)).toEqual([1, 2]);
    expect(await forward.stop()).toBe(0);
    expect(forward.lines.at(-1)).toContain("2 received, 2 published");
    listener.close();
  });

  test("a second instance is on standby, and takes over at once when the first ends", async () => {
    const { channel, listener } = await listenToOrder();
    const first = await start();
    const second = await start([], "on standby: ");
    expect(await publish(channel, { type: "order_shipped", data: { n: 1 } })).toBe(1);
    await listener.receive(1);
    expect(await first.stop()).toBe(0);
    await second.until("forwarding ");
    expect(await publish(channel, { type: "order_shipped", data: { n: 2 } })).toBe(1);
    await listener.receive(2);
    expect(await second.stop()).toBe(0);
    expect(second.lines.at(-1)).toContain("1 received, 1 published");
    expect(await redis.cli("KEYS", "tidings:forward*")).toBe("");
    listener.close();
  });

  test("SIGTERM ends it after everything that Redis delivered to it is published", async () => {
    const { channel, listener } = await listenToOrder();
    const forward = await start();
    const sent = Array.from({ length: 2000 }, (_, n) => publish(channel, { type: "order_shipped", data: { n } }));
    await sent[100];
    expect(await forward.stop()).toBe(0);
    const delivered = (await Promise.all(sent)).filter((receivers) => receivers === 1).length;
    expect(forward.lines.at(-1)).toContain(`stopped: ${delivered} received, ${delivered} published`);
    await listener.receive(delivered);
    listener.close();
  });

  test("waits while its Redis is a read-only replica, as during a failover", async () => {
    // Nothing listens on port 9 (discard), so this replica has no primary.
    await redis.cli("REPLICAOF", "127.0.0.1", "9");
    try {
      const forward = await start([], "no connection to Redis: READONLY");
      await redis.cli("REPLICAOF", "NO", "ONE");
      await forward.until("forwarding ");
      expect(await forward.stop()).toBe(0);
    } finally {
      await redis.cli("REPLICAOF", "NO", "ONE");
    }
  });

  test("waits while its Redis is full", async () => {
    await redis.cli("CONFIG", "SET", "maxmemory", "1");
    try {
      const forward = await start([], "no connection to Redis: OOM");
      await redis.cli("CONFIG", "SET", "maxmemory", "0");
      await forward.until("forwarding ");
      expect(await forward.stop()).toBe(0);
    } finally {
      await redis.cli("CONFIG", "SET", "maxmemory", "0");
    }
  });

  test("keeps its lock while its Redis is full", async () => {
    const connection = openConnection(redis.url);
    const lock = new ForwardLock("tidings:forward:full");
    try {
      expect(await lock.acquire(connection)).toBeNull();
      await redis.cli("CONFIG", "SET", "maxmemory", "1");
      expect(await lock.acquire(connection)).toBeNull();
      expect(lock.isHeld).toBe(true);
    } finally {
      await redis.cli("CONFIG", "SET", "maxmemory", "0");
      await lock.release(connection);
      connection.close();
    }
  });

  test("a wrong key ends it with 1 and names the key's source; a wrong password as well", async () => {
    const wrongKey = ForwardProcess.start(redis.url, service.url, ["--key", "wrong-key-of-the-tests-0123456789abcdef"]);
    await expect(wrongKey).rejects.toThrow("The key came from --key");
    await redis.cli("CONFIG", "SET", "requirepass", "a-password");
    await expect(start()).rejects.toThrow(/Redis refused it: NOAUTH.*REDIS_URL/);
    const url = new URL(redis.url);
    url.password = "wrong";
    await expect(ForwardProcess.start(url.href, service.url)).rejects.toThrow(/Redis refused it: WRONGPASS/);
    await publisher.sendCommand(["AUTH", "a-password"]);
    await publisher.sendCommand(["CONFIG", "SET", "requirepass", ""]);
  });
});
