import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { connect, orderObject, productsObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Money is a budget: rows written cost $1.00 a million, rows read $0.001. The figures are printed. */

interface Usage {
  rowsRead: number;
  rowsWritten: number;
  alarmsSet: number;
}

async function costOf(usage: () => Promise<Usage>, action: () => Promise<unknown>): Promise<Usage> {
  const before = await usage();
  await action();
  const after = await usage();
  return {
    rowsRead: after.rowsRead - before.rowsRead,
    rowsWritten: after.rowsWritten - before.rowsWritten,
    alarmsSet: after.alarmsSet - before.alarmsSet,
  };
}

const report = (what: string, cost: number, unit: string) => console.log(`${what}: ${cost} ${unit}`);

describe("rows written per published event, trimming and dedupe included: at most 2", () => {
  test("an order's status, with id and version", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const events = 50;
    const cost = await costOf(
      () => orderObject(id).usage(),
      async () => {
        for (let n = 1; n <= events; n++) {
          const data = { new_status: `step-${n}` };
          await publish(`orders/${id}`, { type: "order_status_changed", data, id: `e${n}`, version: n });
        }
      },
    );
    report("order event", cost.rowsWritten / events, "rows written");
    expect(cost.rowsWritten / events).toBeLessThanOrEqual(2);
    expect(cost.alarmsSet).toBeLessThanOrEqual(1);
  });

  test("a product's stock with a version, in a log that is full", { timeout: 30_000 }, async () => {
    const stock = (n: number) => ({
      channel: "products",
      type: "inventory_updated",
      data: { product_id: `p${n % 10}`, new_quantity: n },
      id: `stock-${n}`,
      version: n,
    });
    const batch = (from: number) =>
      serviceRequest("POST", "/api/v1/publish/batch", {
        events: Array.from({ length: 1000 }, (_, i) => stock(from + i)),
      });
    await batch(1);
    for (let from = 1001; from < 3000; from += 1000) {
      const cost = await costOf(
        () => productsObject().usage(),
        () => batch(from),
      );
      report("product event, log full", cost.rowsWritten / 1000, "rows written");
      expect(cost.rowsWritten / 1000).toBeLessThanOrEqual(2);
    }
  });

  test("a duplicate and a stale event write nothing", async () => {
    const id = await registerOrder();
    const event = { type: "order_shipped", data: {}, id: "once", version: 5 };
    await publish(`orders/${id}`, event);
    const cost = await costOf(
      () => orderObject(id).usage(),
      async () => {
        expect((await publish(`orders/${id}`, event)).status).toBe("duplicate");
        expect((await publish(`orders/${id}`, { ...event, id: "late", version: 4 })).status).toBe("stale");
      },
    );
    expect(cost).toMatchObject({ rowsWritten: 0, alarmsSet: 0 });
  });
});

describe("storage writes per connection: 0 rows, and at most one alarm row a channel a minute of activity", () => {
  test("100 listeners of one order", async () => {
    const id = await registerOrder();
    const token = await mintToken();
    const cost = await costOf(
      () => orderObject(id).usage(),
      async () => {
        for (let n = 0; n < 100; n++) await (await connect(`orders/${id}`, { token })).frame();
      },
    );
    report("100 connections", cost.rowsWritten, "rows written");
    report("100 connections", cost.alarmsSet, "alarms set");
    expect(cost.rowsWritten).toBe(0);
    expect(cost.alarmsSet).toBeLessThanOrEqual(1);
  });

  test("tokens that end ever sooner set it no more than once a minute they gain", async () => {
    const id = await registerOrder();
    const cost = await costOf(
      () => orderObject(id).usage(),
      async () => {
        for (let n = 0; n < 50; n++) {
          await (await connect(`orders/${id}`, { token: await mintToken({ expiresIn: 400 - n }) })).frame();
        }
      },
    );
    expect(cost).toMatchObject({ rowsWritten: 0, alarmsSet: 1 });
  });
});

test("an alarm that rings for tokens that end one after another is set about once a minute", async () => {
  stopClock();
  const id = await registerOrder();
  for (let n = 0; n < 50; n++) {
    const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken({ expiresIn: 200 + n })}` };
    await (await connect(`orders/${id}`, { headers })).frame();
  }
  const cost = await costOf(
    () => orderObject(id).usage(),
    async () => {
      for (let second = 0; second < 300; second++) {
        advanceClock(1000);
        const alarm = await runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm());
        if (alarm !== null && alarm <= Date.now()) await runDurableObjectAlarm(orderObject(id));
      }
    },
  );
  vi.useRealTimers();
  report("50 tokens ending in 50 s, over 300 s", cost.alarmsSet, "alarms set");
  expect(cost.alarmsSet).toBeLessThanOrEqual(5);
  expect(await orderObject(id).connections()).toBe(0);
});

test("a channel with a full history answers a resume in one storage pass", { timeout: 30_000 }, async () => {
  const id = await registerOrder();
  const stub = env.ORDER_CHANNEL.getByName(`order_${id}`);
  const position = (await (await connect(`orders/${id}`, { token: await mintToken() })).frame()).data;
  const event = { channel: `order_${id}`, type: "order_shipped", data: {} };
  await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(1000).fill(event) });
  await evictDurableObject(stub, { webSockets: "close" });
  const query = { since: "0", epoch: String(position.epoch) };
  const socket = await connect(`orders/${id}`, { token: await mintToken(), query });
  expect((await socket.frame()).data.resumed).toBe(true);
  expect(await socket.frames(1000)).toHaveLength(1000);
  const { rowsRead, rowsWritten } = await orderObject(id).usage();
  report("resume of 1,000 events after a wake", rowsRead, "rows read");
  // Besides the events: what tables there are, the order, the channel, and where the log begins and ends.
  expect(rowsRead).toBeLessThanOrEqual(1000 + 10);
  expect(rowsWritten).toBe(0);
});
