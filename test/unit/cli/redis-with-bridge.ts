import { afterAll, beforeAll, beforeEach } from "vitest";
import { type Bridge, startBridge } from "../../../src/dev/bridge/bridge.ts";
import { type RedisServer, startRedis } from "../../support/redis.ts";

/** Starts a Redis, and a bridge to it that takes this token, for the tests of a block. Each test finds it empty. */
export function setUpRedisWithBridge(token: string): { readonly redis: RedisServer; readonly bridge: Bridge } {
  let redis: RedisServer;
  let bridge: Bridge;
  beforeAll(async () => {
    redis = await startRedis();
    bridge = await startBridge({ redisUrl: redis.url, token });
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
