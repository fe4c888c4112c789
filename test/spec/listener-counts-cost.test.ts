import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { registryStub } from "../../src/registry/directory.ts";
import { MAX_CONFIRM_WAIT_MS } from "../../src/registry/presence.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { serviceHealth } from "../support/listener-counts-scenario.ts";
import { holdPauses, shortenTimeLimit } from "../support/pauses.ts";
import { hibernateAll, listen, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("[promise 6] counting listeners is cheap:", () => {
  test("100 connections to a channel within one report interval cost a few calls, not one each", async () => {
    const token = await mintToken();
    const id = await registerOrder();
    const report = vi.spyOn(ChannelRegistry.prototype, "report");
    const release = holdPauses();
    for (let i = 0; i < 100; i++) await listen(`orders/${id}`, { token });
    release();
    await eventually(async () => expect((await serviceHealth()).channel_details[`order_${id}`]).toBe(100));
    console.log(`100 connections: ${report.mock.calls.length} calls to the registry`);
    expect(report.mock.calls.length).toBeLessThanOrEqual(10);
  });

  test("50 connections and 50 events within one save interval write few rows", async () => {
    const token = await mintToken();
    const id = await registerOrder();
    const put = await runInDurableObject(registryStub(env, `order_${id}`), (_, { storage }) =>
      vi.spyOn(storage.kv, "put"),
    );
    const release = holdPauses();
    for (let i = 0; i < 50; i++) {
      await listen(`orders/${id}`, { token });
      await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    }
    release();
    await eventually(async () => expect((await serviceHealth()).channel_details[`order_${id}`]).toBe(50));
    await hibernateAll();
    const rows = put.mock.calls.map(([key]) => key);
    console.log(`50 connections and 50 events: ${rows.length} rows written by the registry`);
    expect(rows).toContain("counted");
    expect(rows.length).toBeLessThanOrEqual(10);
  });

  test("a confirmed count is not asked for again for a quarter of an hour, not even after hibernation", async () => {
    const token = await mintToken();
    const id = await registerOrder();
    await listen(`orders/${id}`, { token });
    await eventually(async () => expect((await serviceHealth()).channel_details[`order_${id}`]).toBe(1));
    const asked = vi.spyOn(OrderChannel.prototype, "countListeners");
    stopClock();
    // The channels of other tests are asked now.
    await hibernateAll();
    for (let i = 0; i < 5; i++) await serviceHealth();
    asked.mockClear();
    for (let scrape = 0; scrape < 14; scrape++) {
      await hibernateAll();
      await serviceHealth();
      advanceClock(60_000);
    }
    expect(asked).not.toHaveBeenCalled();
    advanceClock(2 * 60_000);
    for (let i = 0; i < 5; i++) await serviceHealth();
    const channels = (await serviceHealth()).active_channels.length;
    expect(asked.mock.calls.length).toBeLessThanOrEqual(channels);
    expect(asked).toHaveBeenCalled();
  });
});

test("[promise 5] a channel that does not answer delays neither health nor metrics beyond their time limit", async () => {
  await listen(`orders/${await registerOrder()}`);
  await eventually(async () => expect((await serviceHealth()).total_connections).toBeGreaterThan(0));
  const asked = vi.spyOn(OrderChannel.prototype, "countListeners").mockReturnValue(new Promise(() => {}));
  shortenTimeLimit(MAX_CONFIRM_WAIT_MS);
  stopClock();
  advanceClock(13 * 3_600_000);
  expect((await serviceHealth()).total_connections).toBeGreaterThan(0);
  expect((await serviceRequest("GET", "/metrics")).status).toBe(200);
  expect(asked).toHaveBeenCalled();
});
