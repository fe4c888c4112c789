import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { FAIL_FOR_AN_HOUR, failingOrderId } from "../support/failing-orders.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import {
  type RedisService,
  STREAM,
  startFaultyRedisService,
  startRedisService,
  xadd,
  xaddMany,
} from "../support/redis-service.ts";

/** Entries that are lost before the relay has read them: the gap is recorded and announced to listeners. */

/** The relay retries after up to 30 s. */
const MAX_WAIT_MS = 120_000;

describe.skipIf(!hasRedis("gaps in a Redis stream"))(
  "listeners of every channel get a new epoch with resumed:false when the stream was",
  () => {
    const losses: [string, (all: RedisService) => Promise<unknown>][] = [
      ["trimmed beyond the cursor", async ({ redis }) => redis.cli("XTRIM", STREAM, "MAXLEN", "1")],
      ["trimmed to nothing", async ({ redis }) => redis.cli("XTRIM", STREAM, "MAXLEN", "0")],
      ["flushed", async ({ redis }) => redis.cli("FLUSHALL")],
      [
        "deleted and created again",
        async ({ redis }) => {
          await redis.cli("DEL", STREAM);
          await xaddMany(redis, 1, "products", "product_deleted", '{"product_id":"p"}');
        },
      ],
    ];
    for (const [name, lose] of losses) {
      test(`[promise 3] ${name}`, async () => {
        const all = await startFaultyRedisService();
        try {
          const order = await registerOrderAt(all.service.url);
          const listener = await listenAt(all.service.url, `orders/${order}`);
          const fields = { channel: `order_${order}`, type: "order_shipped", data: "{}" };
          for (let n = 1; n <= 3; n++) await xadd(all.redis, fields);
          await listener.receive(3);
          const { epoch } = await listener.established;

          // Entries are added and lost while the service cannot read.
          all.proxy.fault = "500";
          for (let n = 4; n <= 6; n++) await xadd(all.redis, fields);
          await lose(all);
          all.proxy.fault = "none";

          await eventually(() => expect(listener.again).toHaveLength(1), MAX_WAIT_MS);
          const announced = listener.again[0];
          expect(announced).toMatchObject({ resumed: false, order_id: order, current_status: "shipped" });
          expect(announced?.epoch).not.toBe(epoch);
          // A client that reconnects with a position of the old epoch is not resumed.
          const late = await listenAt(all.service.url, `orders/${order}`, {
            query: { since: "1", epoch: String(epoch) },
          });
          expect((await late.established).resumed).toBe(false);
          late.close();

          const before = listener.frames.length;
          await xadd(all.redis, { ...fields, id: "after" });
          await eventually(() => expect(listener.frames.length).toBeGreaterThan(before), MAX_WAIT_MS);
          expect(listener.frames.at(-1)?.id).toBe("after");
          expect(listener.frames.map(({ seq }) => seq)).toEqual(listener.frames.map((_, i) => i + 1));
          expect(listener.again).toHaveLength(1);
          listener.close();
        } finally {
          await all.stop();
        }
      });
    }
  },
);

test.skipIf(!hasRedis("a gap that one channel cannot take in"))(
  "[promise 5] a channel that fails while a gap is announced delays neither the announcement to others nor later events",
  async () => {
    const all = await startRedisService({
      entry: "test/support/workers/failing-orders.ts",
      vars: FAIL_FOR_AN_HOUR,
    });
    try {
      const failing = failingOrderId();
      const order = { user_id: "alice", status: "pending", payment_status: "pending" };
      expect((await callService(all.service.url, "PUT", `orders/${failing}`, order)).status).toBe(201);
      const [failingListener, listener] = [
        await listenAt(all.service.url, `orders/${failing}`),
        await listenAt(all.service.url, "products"),
      ];
      const event = { channel: "products", type: "product_deleted", data: '{"product_id":"p"}' };
      await xadd(all.redis, event);
      await listener.receive(1);
      await all.redis.cli("DEL", STREAM);
      await xadd(all.redis, event);
      await eventually(() => expect(listener.again.length).toBeGreaterThan(0), MAX_WAIT_MS);
      await listener.receive(2);
      failingListener.close();
      listener.close();
    } finally {
      await all.stop();
    }
  },
);
