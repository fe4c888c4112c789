import { afterAll, beforeAll, beforeEach } from "vitest";
import { type Bridge, startBridge } from "../../src/dev/bridge/bridge.ts";
import { type RedisServer, startRedis } from "./redis.ts";

/**
 * Starts a Redis, and a bridge to it, for the tests of a block. Each test finds it empty.
 * @param options The bridge's, with a token of the tests by default.
 */
export function setUpRedisWithBridge(options: Partial<Omit<Parameters<typeof startBridge>[0], "redisUrl">> = {}): {
  readonly redis: RedisServer;
  readonly bridge: Bridge;
} {
  let redis: RedisServer;
  let bridge: Bridge;
  beforeAll(async () => {
    redis = await startRedis();
    bridge = await startBridge({ token: "test-redis-token", ...options, redisUrl: redis.url });
  });
  afterAll(async () => {
    await bridge?.close();
    await redis?.stop();
  });
  beforeEach(() => redis.cli("FLUSHALL"));
  return {
    get redis() {
      return redis;
    },
    get bridge() {
      return bridge;
    },
  };
}
