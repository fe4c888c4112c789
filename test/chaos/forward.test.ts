import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { ForwardProcess } from "../support/forward-process.ts";
import { freePort } from "../support/loopback.ts";
import { listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis, type RedisServer, startRedis } from "../support/redis.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

const MESSAGES = 10_000;
const ORDERS = 20;
/** Published at once, on one connection. */
const BURST = 500;
/** Longer than one check of the connection may take. */
const HANG_MS = 5000;

describe.skipIf(!hasRedis("tidings forward through failures"))("tidings forward", () => {
  let redis: RedisServer;
  let service: Workerd;
  beforeAll(async () => {
    [redis, service] = await Promise.all([startRedis(), startTidings()]);
  });
  afterAll(async () => {
    await service?.stop();
    await redis?.stop();
  });

  test(`[promise 1] [promise 4] what pub/sub delivered of ${MESSAGES} messages is published once and in order, though the service is killed twice and Redis once`, async () => {
    const orders = await Promise.all(Array.from({ length: ORDERS }, () => registerOrderAt(service.url)));
    const epochs = await Promise.all(
      orders.map(async (order) => {
        const listener = await listenAt(service.url, `orders/${order}`);
        listener.close();
        return String((await listener.established).epoch);
      }),
    );
    const metricsPort = await freePort();
    const forward = await ForwardProcess.start(redis.url, service.url, ["--metrics-port", String(metricsPort)]);
    const counted = async (name: string) => {
      const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      return Number(new RegExp(`^tidings_forward_${name} (\\d+)$`, "m").exec(metrics)?.[1]);
    };

    /** The numbers of the messages that reached a subscriber, by order. */
    const delivered = orders.map((): number[] => []);
    let lost = 0;
    const publishUpTo = async (end: number, from: number) => {
      const client = createClient({ url: redis.url, socket: { reconnectStrategy: 20 } });
      client.on("error", () => {});
      await client.connect();
      for (let first = from; first < end; first += BURST) {
        const numbers = Array.from({ length: Math.min(BURST, end - first) }, (_, i) => first + i);
        const receivers = await Promise.all(
          numbers.map((n) => {
            const message = JSON.stringify({ type: "order_shipped", data: { n } });
            return client.publish(`order_${orders[n % ORDERS]}`, message);
          }),
        );
        for (const [i, n] of numbers.entries()) {
          if (receivers[i] === 1) delivered[n % ORDERS]?.push(n);
          else lost++;
        }
      }
      await client.close();
    };
    const deliveredCount = () => delivered.reduce((sum, numbers) => sum + numbers.length, 0);

    // The service is killed while it takes messages, and they wait for it.
    for (const [from, end] of [
      [0, MESSAGES * 0.3],
      [MESSAGES * 0.3, MESSAGES * 0.6],
    ] as const) {
      const before = await counted("published_total");
      const publishing = publishUpTo(end, from);
      await eventually(async () => expect(await counted("published_total")).toBeGreaterThan(before));
      await service.kill("SIGKILL");
      await publishing;
      await service.restart();
    }

    // Redis is killed once the subscriber has what was published, and messages published before it is back are lost.
    await eventually(async () => expect(await counted("received_total")).toBe(deliveredCount()));
    const printed = forward.lines.length;
    await redis.restart();
    await publishUpTo(MESSAGES * 0.7, MESSAGES * 0.6);
    await forward.until("forwarding ", printed);
    await publishUpTo(MESSAGES, MESSAGES * 0.7);

    expect(await forward.stop()).toBe(0);
    const totals = forward.lines.at(-1) ?? "";
    console.log(
      `${MESSAGES} messages, ${lost} without a subscriber, while Redis was back and forward was not; ${totals}`,
    );
    const [, received, published] = /^stopped: (\d+) received, (\d+) published/.exec(totals) ?? [];
    expect([received, published]).toEqual([String(deliveredCount()), String(deliveredCount())]);
    expect(deliveredCount() + lost).toBe(MESSAGES);

    for (const [i, order] of orders.entries()) {
      const query = { since: "0", epoch: epochs[i] ?? "" };
      const listener = await listenAt(service.url, `orders/${order}`, { query });
      expect((await listener.established).resumed).toBe(true);
      const frames = await listener.receive(delivered[i]?.length ?? 0);
      expect(frames.map(({ data }) => data.n)).toEqual(delivered[i]);
      expect(new Set(frames.map(({ id }) => id)).size).toBe(frames.length);
      listener.close();
    }
  });

  test("a Redis that hangs for seconds costs no message", async () => {
    const order = await registerOrderAt(service.url);
    const listener = await listenAt(service.url, `orders/${order}`);
    const forward = await ForwardProcess.start(redis.url, service.url);
    redis.signal("SIGSTOP");
    const publishing = redis.cli("PUBLISH", `order_${order}`, '{"type":"order_shipped","data":{}}');
    await new Promise((resolve) => setTimeout(resolve, HANG_MS));
    redis.signal("SIGCONT");
    expect(await publishing).toBe("1");
    await listener.receive(1);
    expect(await forward.stop()).toBe(0);
    expect(forward.lines.slice(1)).toEqual([
      expect.stringMatching(/^stopped: 1 received, 1 published.* 0 disconnects/),
    ]);
    listener.close();
  });

  test("SIGTERM while the service is down ends it with 1 and the number of messages that are lost", async () => {
    const order = await registerOrderAt(service.url);
    const forward = await ForwardProcess.start(redis.url, service.url);
    await service.kill();
    await redis.cli("PUBLISH", `order_${order}`, '{"type":"order_shipped","data":{}}');
    await forward.until("the service does not answer: ");
    expect(await forward.stop()).toBe(1);
    expect(forward.lines.at(-1)).toBe("1 message lost: the service accepted none within 8 s.");
    await service.restart();
  });

  test("a standby takes over when the active instance is killed", async () => {
    const order = await registerOrderAt(service.url);
    const first = await ForwardProcess.start(redis.url, service.url);
    const second = await ForwardProcess.start(redis.url, service.url, [], "on standby: ");
    await first.stop("SIGKILL");
    const startedAt = performance.now();
    await second.until("forwarding ");
    console.log(`the standby took over after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    const listener = await listenAt(service.url, `orders/${order}`);
    await redis.cli("PUBLISH", `order_${order}`, '{"type":"order_shipped","data":{}}');
    await listener.receive(1);
    listener.close();
    expect(await second.stop()).toBe(0);
  });

  test("an instance that was paused for longer than its lock lasts publishes nothing twice", async () => {
    const order = await registerOrderAt(service.url);
    const paused = await ForwardProcess.start(redis.url, service.url);
    const standby = await ForwardProcess.start(redis.url, service.url, [], "on standby: ");
    paused.signal("SIGSTOP");
    await standby.until("forwarding ");
    const listener = await listenAt(service.url, `orders/${order}`);
    const message = (n: number) => JSON.stringify({ type: "order_shipped", data: { n } });
    // Both are subscribed; the paused one finds the message when it goes on.
    expect(await redis.cli("PUBLISH", `order_${order}`, message(1))).toBe("2");
    await listener.receive(1);
    paused.signal("SIGCONT");
    await paused.until("on standby: ");
    await redis.cli("PUBLISH", `order_${order}`, message(2));
    await listener.receive(2);
    expect(await paused.stop()).toBe(0);
    expect(await standby.stop()).toBe(0);
    expect(listener.frames.map(({ data }) => data.n)).toEqual([1, 2]);
    expect(paused.lines.at(-1)).toContain("stopped: 0 received");
    listener.close();
  });

  test("an instance that was paused for as long, but is the only one, loses no message", async () => {
    const order = await registerOrderAt(service.url);
    const listener = await listenAt(service.url, `orders/${order}`);
    const forward = await ForwardProcess.start(redis.url, service.url);
    forward.signal("SIGSTOP");
    for (const n of [1, 2]) {
      const message = JSON.stringify({ type: "order_shipped", data: { n } });
      expect(await redis.cli("PUBLISH", `order_${order}`, message)).toBe("1");
    }
    await eventually(async () => expect(await redis.cli("KEYS", "tidings:forward*")).toBe(""));
    forward.signal("SIGCONT");
    await listener.receive(2);
    expect(await forward.stop()).toBe(0);
    expect(listener.frames.map(({ data }) => data.n)).toEqual([1, 2]);
    listener.close();
  });
});
