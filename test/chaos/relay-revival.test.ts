import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { type FaultyRedisService, startFaultyRedisService, xaddMany } from "../support/redis-service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";

/** A dead relay is revived by the watchdog, by a connection and by a health check. */

describe.skipIf(!hasRedis("the revival of the relay"))("the Redis relay", () => {
  let all: FaultyRedisService;
  let order: string;

  beforeAll(async () => {
    all = await startFaultyRedisService({ entry: "test/support/workers/mortal-relay.ts" }, (proxy) => {
      // The doorbell would wake the relay, too.
      proxy.applies = (_, path) => path.startsWith("/subscribe");
      proxy.fault = "500";
    });
  });
  afterAll(() => all.stop());
  beforeEach(async () => {
    order = await registerOrderAt(all.service.url);
  });

  const visit = (path: string) => fetch(`${all.service.url}/test/${path}`);
  const add = () => xaddMany(all.redis, 1, `order_${order}`, "order_shipped");
  const seq = async () =>
    ((await (await callService(all.service.url, "GET", `orders/${order}`)).json()) as { seq: number }).seq;

  test("the watchdog reads a backlog of 2,000 entries in one go, with no listener and no later read", async () => {
    await xaddMany(all.redis, 2000, `order_${order}`, "order_shipped");
    await visit("cron");
    expect(await seq()).toBe(2000);
  });

  for (const [death, how] of [
    ["drop-alarm", "lost its alarm"],
    ["die", "was evicted without an alarm"],
  ]) {
    test(`a relay that ${how} is revived by the watchdog, even without listeners`, async () => {
      await visit(String(death));
      await add();
      await visit("cron");
      await eventually(async () => expect(await seq()).toBe(1));
    });

    test(`a relay that ${how} is revived by a health check`, async () => {
      await visit(String(death));
      await add();
      await eventually(async () => {
        await callService(all.service.url, "GET", "ws/health");
        expect(await seq()).toBe(1);
      });
    });

    test(`a relay that ${how} is revived by a connection, and then keeps reading`, async () => {
      await visit(String(death));
      await add();
      const listener = await listenAt(all.service.url, `orders/${order}`);
      await eventually(async () => expect(await seq()).toBe(1));
      await add();
      await eventually(async () => expect(await seq()).toBe(2));
      listener.close();
    });
  }

  test("a relay that cannot schedule its next read logs the fault, goes on with its alarm, and does not fail the cron trigger", async () => {
    const listener = await listenAt(all.service.url, `orders/${order}`);
    await visit("fail-to-schedule");
    expect((await visit("cron")).status).toBe(200);
    await add();
    await eventually(async () => expect(await seq()).toBe(1));
    for (const where of ["relay", "watchdog"]) {
      expect(all.service.log).toContain(`"where":"${where}","error":"Error: it fails for the test"`);
      await eventually(async () => {
        const headers = { Authorization: `Bearer ${PUBLISH_KEY}` };
        const samples = parseMetrics(await (await fetch(`${all.service.url}/metrics`, { headers })).text());
        expect(metricValue(samples, "tidings_errors_total", { where })).toBeGreaterThan(0);
      });
    }
    listener.close();
    await visit("die");
  });
});
