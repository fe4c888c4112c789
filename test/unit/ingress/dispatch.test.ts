import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Env } from "../../../src/config/env.ts";
import { dispatch } from "../../../src/ingress/dispatch.ts";
import type { AcceptedEvent } from "../../../src/protocol/publish.ts";
import { listenOnLoopback } from "../../support/loopback.ts";

test("[promise 2] no event of an unreachable channel is queued after one that Redis did not take", async () => {
  vi.spyOn(console, "error").mockReturnValue();
  const added: unknown[] = [];
  let rings = 0;
  const redis = createServer(async (request, response) => {
    const command = await json(request);
    if (!Array.isArray(command) || command[0] !== "XADD") {
      rings++;
      return response.end('{"result":0}');
    }
    const id = command[command.indexOf("id") + 1];
    added.push(id);
    response.writeHead(id === "b" ? 500 : 200).end('{"result":"1-1"}');
  });
  const url = await listenOnLoopback(redis);
  onTestFinished(() => void redis.close());
  const deliver = () => Promise.reject(new Error("the channel fails"));
  const env = {
    ORDER_CHANNEL: { getByName: () => ({ deliver }) },
    JWT_SECRET: "s".repeat(32),
    PUBLISH_KEYS: `shop:${"k".repeat(32)}`,
    UPSTASH_REDIS_REST_URL: url,
    UPSTASH_REDIS_REST_TOKEN: "token",
  } as unknown as Env;
  const event = (id: string): AcceptedEvent => ({
    channel: "order_123e4567-e89b-12d3-a456-426614174000",
    ...{ id, type: "order_delivered", data: "{}", version: null, request: null, productId: null, order: null },
    ...{ statusChange: {}, status: null, acceptedAt: 0 },
  });

  const outcomes = await dispatch(env, ["a", "b", "c"].map(event), { via: "http", key: "shop" });
  expect(outcomes.map(({ status }) => status)).toEqual(["queued", "unavailable", "unavailable"]);
  expect(added).toEqual(["a", "b"]);
  expect(rings).toBe(1);

  // With nothing queued there is nothing to ring for, and a failing Redis is not waited for again.
  await dispatch(env, [event("b")], { via: "http", key: "shop" });
  expect(rings).toBe(1);
});
