import { afterEach, beforeEach, describe, expect, type Mock, test, vi } from "vitest";
import type { Env } from "../../src/config/env.ts";
import { Pipeline } from "../../src/ingress/redis/pipeline.ts";
import { withinTimeLimit } from "../../src/runtime/time-limit.ts";
import { eventually } from "../support/eventually.ts";
import { silence } from "../support/leak-guard/console.ts";
import { MemoryStorage } from "../support/object-storage.ts";
import { hasRedis } from "../support/redis.ts";
import { deadLetters, STREAM, xadd } from "../support/redis-service.ts";
import { setUpRedisWithBridge } from "../support/redis-with-bridge.ts";
import { TEST_ENV } from "../support/test-env.ts";

/** A storage with an alarm, which never fires: a test reads when it would. */
class StorageWithAlarm extends MemoryStorage {
  alarm: number | null = null;
  getAlarm = async () => this.alarm;
  setAlarm = async (time: number) => {
    this.alarm = time;
  };
  deleteAlarm = async () => {
    this.alarm = null;
  };

  /** Milliseconds until the alarm. */
  get alarmIn(): number {
    return (this.alarm ?? Number.POSITIVE_INFINITY) - Date.now();
  }
}

const EVENT = { channel: "products", type: "product_deleted", data: '{"product_id":"p"}' };

describe.skipIf(!hasRedis("the relay alone"))("the Redis relay", () => {
  const servers = setUpRedisWithBridge();
  let storage: StorageWithAlarm;
  let hasListeners: boolean;
  let askRegistry: Mock<() => Promise<boolean>>;
  let deliver: () => Promise<unknown>;
  let faults: () => string[];
  let relay: Pipeline;

  beforeEach(() => {
    const errors = silence("error");
    faults = () => errors.mock.calls.map(([line]) => JSON.parse(String(line)).where);
    storage = new StorageWithAlarm();
    hasListeners = false;
    deliver = async () => {
      throw Object.assign(new Error("it fails for the test"), { remote: true });
    };
    // The first report never ends, because Node lacks the `scheduler` that the next one would wait with.
    askRegistry = vi.fn(async () => hasListeners);
    const registry = { hasListeners: askRegistry, addCounts: () => new Promise(() => {}) };
    const env = {
      ...TEST_ENV,
      CHANNEL_REGISTRY: { getByName: () => registry },
      PRODUCTS_CHANNEL: { getByName: () => ({ deliver: () => deliver() }) },
    } as unknown as Env;
    const ctx = { storage, waitUntil: () => {} } as unknown as DurableObjectState;
    relay = new Pipeline(ctx, env, { url: servers.bridge.url, token: servers.bridge.token, stream: STREAM });
  });
  afterEach(async () => {
    // Ends the subscription.
    hasListeners = false;
    await relay.work();
    vi.restoreAllMocks();
  });

  test("does not hurry while a retry waits for its channel; when that ends, the next retry is planned", async () => {
    await xadd(servers.redis, EVENT);
    await relay.work();
    expect(storage.alarmIn).toBeLessThan(600);
    await eventually(() => expect(storage.alarmIn).toBeLessThan(0));

    const attempt = Promise.withResolvers();
    deliver = vi.fn(() => attempt.promise);
    await relay.work();
    expect(deliver).toHaveBeenCalledOnce();
    for (let pass = 0; pass < 3; pass++) {
      await relay.work();
      expect(storage.alarmIn).toBeGreaterThan(5000);
    }
    attempt.reject(new Error("no answer"));
    await eventually(() => expect(storage.alarmIn).toBeLessThan(1100));
  });

  test("retries soon what the doorbell announced and its channel refused, however long it had been idle", async () => {
    hasListeners = true;
    for (let poll = 0; poll < 6; poll++) await relay.work();
    expect(storage.alarmIn).toBeGreaterThan(9000);
    await xadd(servers.redis, EVENT);
    await eventually(() => expect(faults()).toContain("deliver"));
    await eventually(() => expect(storage.alarmIn).toBeLessThan(600), 5000);
  });

  test("keeps polling for a listener that arrives while an earlier plan still waits for a registry", async () => {
    const last = Promise.withResolvers<boolean>();
    for (let registry = 1; registry < 6; registry++) askRegistry.mockResolvedValueOnce(false);
    askRegistry.mockReturnValueOnce(last.promise);
    const early = relay.work();
    await eventually(() => expect(askRegistry).toHaveBeenCalledTimes(6));
    hasListeners = true;
    const late = relay.work();
    await withinTimeLimit(late, 500, () => {});
    last.resolve(false);
    await Promise.all([early, late]);
    expect(storage.alarmIn).toBeLessThan(11_000);
  });

  test("reports Redis as healthy only once a first read has succeeded, even if the pass goes on", async () => {
    const delivered = Promise.withResolvers<void>();
    deliver = vi.fn(() => delivered.promise);
    await xadd(servers.redis, EVENT);
    const work = relay.work();
    expect(relay.status.redis).toBe("unavailable");
    await eventually(() => expect(deliver).toHaveBeenCalledOnce());
    expect(relay.status.redis).toBe("healthy");
    delivered.reject(new Error("it fails for the test"));
    await work;
  });

  test("that cannot store what it read reports that reading is paused, not that Redis is unavailable, and once", async () => {
    await xadd(servers.redis, EVENT);
    const { exec } = storage.sql;
    vi.spyOn(storage.sql, "exec").mockImplementation((query, ...bindings) => {
      if (query.startsWith("INSERT INTO outbox")) throw new Error("database or disk is full: SQLITE_FULL");
      return exec(query, ...bindings);
    });
    await relay.work();
    await relay.work();
    expect(relay.status).toMatchObject({ redis: "healthy", problems: ["reading_paused"] });
    expect(faults()).toEqual(["relay"]);
    vi.restoreAllMocks();
    await relay.work();
    expect(relay.status.problems).toEqual([]);
  });

  test.each(["20260115093000-17", "18446744073709551615-18446744073709551615"])(
    "dates the dead letter of an event with the id %s by itself, so that later ones follow in order",
    async (id) => {
      deliver = async () => JSON.stringify([{ id, channel: "products", status: "conflict" }]);
      await xadd(servers.redis, { ...EVENT, id });
      await relay.work();
      await relay.work();
      const [letter] = await deadLetters(servers.redis);
      expect(letter?.entryId).toBe(id);
      expect(Math.abs(Date.now() - Number.parseInt(letter?.id ?? "", 10))).toBeLessThan(60_000);
    },
  );

  test("gives a dead letter its entry's id", async () => {
    const id = await xadd(servers.redis, { hello: "world" });
    await relay.work();
    expect(await deadLetters(servers.redis)).toMatchObject([{ id, entryId: id }]);
  });
});
