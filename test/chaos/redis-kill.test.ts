import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, STREAM, startRedisService } from "../support/redis-service.ts";

const KILLS = 30;
const ORDERS = 5;

describe.skipIf(!hasRedis("a relay that is killed"))("the service is killed -9 at random points", () => {
  let all: RedisService;
  beforeAll(async () => {
    all = await startRedisService({ vars: { HISTORY_LIMIT: "100000" } });
  });
  afterAll(() => all.stop());

  test(`${KILLS} times while entries come: nothing lost, nothing twice, in order per channel`, {
    timeout: 240_000,
  }, async () => {
    const orders: string[] = [];
    const positions = new Map<string, string>();
    for (let i = 0; i < ORDERS; i++) {
      const order = await registerOrderAt(all.service.url);
      const listener = await listenAt(all.service.url, `orders/${order}`);
      positions.set(order, String((await listener.established).epoch));
      listener.close();
      orders.push(order);
    }
    const expected = new Map(orders.map((order): [string, number[]] => [order, []]));
    const redis = await createClient({ url: all.redis.url }).connect();
    let count = 0;
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) {
        const n = ++count;
        const order = orders[n % ORDERS] ?? "";
        expected.get(order)?.push(n);
        const fields = { channel: `order_${order}`, type: "order_shipped", data: JSON.stringify({ n }) };
        await redis.xAdd(STREAM, "*", fields);
        await redis.publish("tidings:doorbell", "1");
      }
    })();

    for (let kill = 0; kill < KILLS; kill++) {
      // Somebody listens, so that the relay is at work; it is killed after another number of frames each time.
      const order = orders[kill % ORDERS] ?? "";
      const listener = await listenAt(all.service.url, `orders/${order}`);
      await listener.receive(1 + (kill % 5) * 7);
      await all.service.kill("SIGKILL");
      await all.service.restart();
    }
    isWriting = false;
    await writing;
    await redis.close();

    // Health alone revives the relay: nobody listens now.
    const total = async () => {
      await callService(all.service.url, "GET", "ws/health");
      const answers = await Promise.all(orders.map((order) => callService(all.service.url, "GET", `orders/${order}`)));
      const seqs = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { seq: number }).seq));
      return seqs.reduce((sum, seq) => sum + seq, 0);
    };
    await vi.waitFor(async () => expect(await total()).toBe(count), { timeout: 60_000, interval: 500 });
    for (const order of orders) {
      const query = { since: "0", epoch: String(positions.get(order)) };
      const listener = await listenAt(all.service.url, `orders/${order}`, { query });
      expect((await listener.established).resumed).toBe(true);
      const numbers = expected.get(order) ?? [];
      const frames = await listener.receive(numbers.length);
      expect(frames.map(({ data }) => data.n)).toEqual(numbers);
      expect(frames.map(({ seq }) => seq)).toEqual(numbers.map((_, i) => i + 1));
      listener.close();
    }
    console.log(`${KILLS} kills, ${count} entries, each delivered once and in order`);
  });
});
