import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, STREAM, startRedisService } from "../support/redis-service.ts";

describe.skipIf(!hasRedis("how fast the Redis stream is"))("the Redis stream", () => {
  let all: RedisService;
  beforeAll(async () => {
    all = await startRedisService();
  });
  afterAll(() => all.stop());

  test("the time from XADD to frame is printed beside the time from HTTP publish to frame, p50 of 200, and every event arrives", async () => {
    const SAMPLES = 200;
    const order = await registerOrderAt(all.service.url);
    const listener = await listenAt(all.service.url, `orders/${order}`);
    const redis = await createClient({ url: all.redis.url }).connect();
    const times: Record<"stream" | "http", number[]> = { stream: [], http: [] };
    let count = 0;
    const timed = async (kind: keyof typeof times, publish: () => Promise<unknown>) => {
      const start = performance.now();
      await Promise.all([publish(), listener.receive(++count)]);
      times[kind].push(performance.now() - start);
    };
    const fields = { channel: `order_${order}`, type: "order_shipped", data: "{}" };
    for (let i = 0; i < SAMPLES; i++) {
      await timed("stream", () => redis.multi().xAdd(STREAM, "*", fields).publish("tidings:doorbell", "1").exec());
      await timed("http", () =>
        callService(all.service.url, "POST", `publish/orders/${order}`, { type: "order_shipped", data: {} }),
      );
    }
    await redis.close();
    const p50 = (kind: keyof typeof times) => Number(times[kind].toSorted((a, b) => a - b)[SAMPLES / 2]);
    const [stream, http] = [p50("stream"), p50("http")];
    console.log(
      `p50 of ${SAMPLES}: XADD + doorbell → frame ${stream.toFixed(2)} ms, HTTP publish → frame ${http.toFixed(2)} ms, ratio ${(stream / http).toFixed(2)}`,
    );
    expect(listener.frames.map(({ seq }) => seq)).toEqual(listener.frames.map((_, i) => i + 1));
    listener.close();
  });
});
