import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { FaultProxy } from "../support/fault-proxy.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, STREAM, startRedisService } from "../support/redis-service.ts";
import { metricValue, parseMetrics } from "../support/scrape.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";

/** A relay that died is revived by the watchdog, by a connection, and by health. */

describe.skipIf(!hasRedis("the revival of the relay"))("a relay", { timeout: 60_000 }, () => {
  let all: RedisService;
  let proxy: FaultProxy;
  let order: string;

  beforeAll(async () => {
    all = await startRedisService({
      entry: "test/chaos/revival-worker.ts",
      between: (url) => {
        proxy = new FaultProxy(url);
        // The doorbell would wake it, too.
        proxy.applies = (_, path) => path.startsWith("/subscribe");
        proxy.fault = "500";
        return proxy.listen();
      },
    });
  });
  afterAll(async () => {
    await all.stop();
    await proxy.close();
  });
  beforeEach(async () => {
    order = await registerOrderAt(all.service.url);
  });

  const visit = (path: string) => fetch(`${all.service.url}/test/${path}`);
  const add = () =>
    all.redis.cli("XADD", STREAM, "*", "channel", `order_${order}`, "type", "order_shipped", "data", "{}");
  const seq = async () =>
    ((await (await callService(all.service.url, "GET", `orders/${order}`)).json()) as { seq: number }).seq;

  test("reads all there is at one look, though nobody listens and none follows", async () => {
    const add =
      "for n = 1, 2000 do redis.call('XADD', KEYS[1], '*', 'channel', ARGV[1], 'type', 'order_shipped', 'data', '{}') end";
    await all.redis.cli("EVAL", add, "1", STREAM, `order_${order}`);
    await visit("cron");
    expect(await seq()).toBe(2000);
  });

  for (const death of ["drop-alarm", "die"]) {
    test(`after ${death}: by the watchdog, though nobody listens`, async () => {
      await visit(death);
      await add();
      await visit("cron");
      await vi.waitFor(async () => expect(await seq()).toBe(1), 5000);
    });

    test(`after ${death}: by health`, async () => {
      await visit(death);
      await add();
      await vi.waitFor(
        async () => {
          await callService(all.service.url, "GET", "ws/health");
          expect(await seq()).toBe(1);
        },
        { timeout: 15_000, interval: 500 },
      );
    });

    test(`after ${death}: by a connection, and from then on it goes by itself`, async () => {
      await visit(death);
      await add();
      const listener = await listenAt(all.service.url, `orders/${order}`);
      await vi.waitFor(async () => expect(await seq()).toBe(1), 5000);
      await add();
      await vi.waitFor(async () => expect(await seq()).toBe(2), 15_000);
      listener.close();
    });
  }

  test("that cannot plan its next look says so, reads on by its alarm, and takes no cron trigger down", async () => {
    const listener = await listenAt(all.service.url, `orders/${order}`);
    await visit("lose-plans");
    expect((await visit("cron")).status).toBe(200);
    await add();
    await vi.waitFor(async () => expect(await seq()).toBe(1), 15_000);
    for (const where of ["relay", "watchdog"]) {
      expect(all.service.log).toContain(`"where":"${where}","error":"Error: it fails for the test"`);
      await vi.waitFor(async () => {
        const headers = { Authorization: `Bearer ${PUBLISH_KEY}` };
        const samples = parseMetrics(await (await fetch(`${all.service.url}/metrics`, { headers })).text());
        expect(metricValue(samples, "tidings_errors_total", { where })).toBeGreaterThan(0);
      }, 15_000);
    }
    listener.close();
    await visit("die");
  });
});
