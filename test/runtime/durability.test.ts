import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publishThroughKills, streamThroughKills } from "../support/kill-scenarios.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, startRedisService } from "../support/redis-service.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** The process is killed with SIGKILL a few times; `test/chaos` does the same many times. */

const KILLS = 5;

describe("publishing over HTTP", () => {
  let service: Workerd;
  beforeAll(async () => {
    service = await startTidings({ HISTORY_LIMIT: "10000" });
  });
  afterAll(() => service.stop());

  test(`[promise 1] after ${KILLS} kills with SIGKILL, every acknowledged event is in the history once, without a hole in seq`, async () => {
    await publishThroughKills(service, KILLS);
    expect.hasAssertions();
  });
});

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
