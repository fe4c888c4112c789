import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { streamThroughKills } from "../support/kill-scenarios.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, startRedisService } from "../support/redis-service.ts";

const KILLS = 30;

describe.skipIf(!hasRedis("a relay that is killed"))("the Redis stream", () => {
  let all: RedisService;
  beforeAll(async () => {
    all = await startRedisService({ vars: { HISTORY_LIMIT: "100000" } });
  });
  afterAll(() => all.stop());

  test(`[promise 1] [promise 4] the service is killed ${KILLS} times while entries come in: each is delivered once, in order per channel`, async () => {
    await streamThroughKills(all, KILLS);
    expect.hasAssertions();
  });
});
