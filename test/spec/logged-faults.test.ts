import {
  createExecutionContext,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { Storage } from "../../src/channels/storage.ts";
import { TokenVerifier } from "../../src/edge/auth/token-verifier.ts";
import service from "../../src/index.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { silence } from "../support/leak-guard/console.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { connect, orderObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Faults outside HTTP calls are logged and counted, and the affected client or task recovers. */

let logged: MockInstance;
beforeEach(() => {
  logged = silence();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const fails = () => new Error("it fails for the test");
const faultLines = () => logged.mock.calls.map(([line]) => JSON.parse(line));
const countOf = async (where: string) =>
  metricValue(parseMetrics(await (await serviceRequest("GET", "/metrics")).text()), "tidings_errors_total", { where });

describe("authenticate, while tokens cannot be verified,", () => {
  test("[promise 5] closes that client with 4200 (reconnect) and logs the fault; other listeners keep receiving", async () => {
    const before = await countOf("message");
    const id = await registerOrder();
    const token = await mintToken();
    const [asking, other] = [await connect(`orders/${id}`, { token }), await connect(`orders/${id}`, { token })];
    await Promise.all([asking.frame(), other.frame()]);
    vi.spyOn(TokenVerifier.prototype, "verify").mockRejectedValue(fails());
    asking.send(JSON.stringify({ type: "authenticate", token }));
    expect(await asking.closed()).toEqual({ code: 4200, reason: "Going away" });
    expect(faultLines()).toEqual([
      expect.objectContaining({ event: "fault", where: "message", channel: `order_${id}` }),
    ]);
    await eventually(async () => expect(await countOf("message")).toBe(before + 1));
    expect((await publish(`orders/${id}`, { type: "order_shipped", data: {} })).receivers).toBe(1);
    expect((await other.frame()).seq).toBe(1);
  });
});

describe("an order whose storage cannot be erased", () => {
  test("logs the fault, and is erased a minute later", async () => {
    const before = await countOf("maintenance");
    const id = await registerOrder();
    await publish(`orders/${id}`, { type: "order_delivered", data: {} });
    stopClock();
    advanceClock(30 * 86_400_000);
    const erase = vi.spyOn(Storage.prototype, "erase").mockImplementation(() => {
      throw fails();
    });
    await runDurableObjectAlarm(orderObject(id));
    expect(faultLines()).toEqual([
      expect.objectContaining({ event: "fault", where: "maintenance", channel: `order_${id}` }),
    ]);
    const alarm = await runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm());
    expect(alarm).toBe(Date.now() + 60_000);
    erase.mockRestore();
    vi.useRealTimers();
    // Faults are reported along with the next report of any reporter in this isolate.
    await serviceRequest("POST", "/api/v1/publish/products", {});
    await eventually(async () => expect(await countOf("maintenance")).toBe(before + 1));

    stopClock();
    advanceClock(31 * 86_400_000);
    await runDurableObjectAlarm(orderObject(id));
    expect((await serviceRequest("GET", `/api/v1/orders/${id}`)).status).toBe(404);
  });
});

describe("the watchdog, when the relay is unreachable,", () => {
  test("logs the fault and succeeds, because it runs again in a minute", async () => {
    const before = await countOf("watchdog");
    const there = {
      ...env,
      UPSTASH_REDIS_REST_URL: "https://redis.example",
      UPSTASH_REDIS_REST_TOKEN: "test-redis-token",
    };
    vi.spyOn(there.STREAM_RELAY, "getByName").mockImplementation(() => {
      throw fails();
    });
    const ctx = createExecutionContext();
    await service.scheduled({ scheduledTime: Date.now(), cron: "* * * * *", noRetry() {} }, there, ctx);
    await waitOnExecutionContext(ctx);
    expect(faultLines()).toEqual([expect.objectContaining({ event: "fault", where: "watchdog" })]);
    expect(await countOf("watchdog")).toBe(before + 1);
  });
});
