import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { ProductsChannel } from "../../src/channels/products/products-channel.ts";
import { COUNTS } from "../../src/cli/cost/load.ts";
import { registryStubs } from "../../src/registry/directory.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import {
  connect,
  listen,
  orderObject,
  productsObject,
  publish,
  registerOrder,
  serviceRequest,
} from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/**
 * Rows and requests cost money: $1.00 per million rows written, $0.001 per million read, $0.15 per million requests.
 * The measured figures are printed. `npm run cost` bills `COUNTS`.
 */

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

test("the tables of a channel cost a few rows, once", async () => {
  const rowOfEpoch = 1;
  await publish("products", { type: "product_updated", data: { product_id: "first" } });
  expect((await productsObject().usage()).rowsWritten - rowOfEpoch - COUNTS.rowsPerEvent).toBe(14);
  const [id, rowOfOrder] = [await registerOrder(), 1];
  expect((await orderObject(id).usage()).rowsWritten - rowOfEpoch - rowOfOrder).toBe(4);
});

describe(`a published event writes at most ${COUNTS.rowsPerEvent} rows, trimming and deduplication included:`, () => {
  test("an order status with id and version", async () => {
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
    expect(cost.rowsWritten / events).toBeLessThanOrEqual(COUNTS.rowsPerEvent);
    expect(cost.alarmsSet).toBeLessThanOrEqual(1);
  });

  test("a stock level with a version, in a full history", { timeout: 30_000 }, async () => {
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
      report("product event, history full", cost.rowsWritten / 1000, "rows written");
      expect(cost.rowsWritten / 1000).toBeLessThanOrEqual(COUNTS.rowsPerEvent);
    }
  });

  test("each event of a product, with a version or without, also its deletion and return", async () => {
    const events = [
      { type: "product_created", version: 1 },
      { type: "price_updated" },
      { type: "product_deleted" },
      { type: "product_updated" },
      { type: "product_deleted", version: 2 },
    ];
    await publish("products", { type: "product_created", data: { product_id: "first" } });
    for (const event of events) {
      const cost = await costOf(
        () => productsObject().usage(),
        () => publish("products", { ...event, data: { product_id: "counted", new_price: 1 } }),
      );
      expect(cost.rowsWritten).toBe(COUNTS.rowsPerEvent);
    }
  });

  test(`and one more for ${COUNTS.eventsPerChunk} events of products`, async () => {
    const events = Array.from({ length: COUNTS.eventsPerChunk }, (_, i) => ({
      channel: "products",
      type: "product_updated",
      data: { product_id: `chunk-${i}` },
    }));
    await serviceRequest("POST", "/api/v1/publish/batch", { events });
    const cost = await costOf(
      () => productsObject().usage(),
      () => serviceRequest("POST", "/api/v1/publish/batch", { events }),
    );
    expect(cost.rowsWritten).toBe(COUNTS.eventsPerChunk * COUNTS.rowsPerEvent + 1);
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

describe("[promise 6] a connection writes no row, and a channel sets its alarm at most once per minute of activity:", () => {
  test("100 listeners of one order", async () => {
    const id = await registerOrder();
    const token = await mintToken();
    const cost = await costOf(
      () => orderObject(id).usage(),
      async () => {
        for (let n = 0; n < 100; n++) await listen(`orders/${id}`, { token });
      },
    );
    report("100 connections", cost.rowsWritten, "rows written");
    report("100 connections", cost.alarmsSet, "alarms set");
    expect(cost.rowsWritten / 100).toBe(COUNTS.rowsPerConnection);
    expect(cost.alarmsSet).toBeLessThanOrEqual(1);
  });

  test("50 connections whose tokens expire ever sooner set the alarm once", async () => {
    const id = await registerOrder();
    const cost = await costOf(
      () => orderObject(id).usage(),
      async () => {
        for (let n = 0; n < 50; n++) {
          await listen(`orders/${id}`, { token: await mintToken({ expiresIn: 400 - n }) });
        }
      },
    );
    expect(cost).toMatchObject({ rowsWritten: 0, alarmsSet: 1 });
  });
});

test("[promise 6] the alarm for tokens that expire one after another is set about once a minute", async () => {
  stopClock();
  const id = await registerOrder();
  for (let n = 0; n < 50; n++) {
    const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken({ expiresIn: 200 + n })}` };
    await listen(`orders/${id}`, { headers });
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
  report("50 tokens expiring within 50 s, over 300 s", cost.alarmsSet, "alarms set");
  expect(cost.alarmsSet).toBeLessThanOrEqual(5 * COUNTS.alarmsPerMinute);
  expect(await orderObject(id).countListeners()).toBe(0);
});

describe("the products object receives", () => {
  /** Counts the object's requests during an action: handlers and RPCs. */
  async function requestsDuring(action: () => Promise<unknown>): Promise<number> {
    const methods = ["fetch", "deliver", "countListeners", "webSocketMessage", "alarm"] as const;
    const spies = methods.map((method) => vi.spyOn(ProductsChannel.prototype, method));
    await action();
    const requests = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    vi.restoreAllMocks();
    return requests;
  }
  const stock = { channel: "products", type: "inventory_updated", data: { product_id: "p", new_quantity: 1 } };

  test("one request per publish call, also for a batch", async () => {
    const { channel: _, ...event } = stock;
    expect(await requestsDuring(() => publish("products", event))).toBe(COUNTS.requestsPerPublishCall);
    const batch = () => serviceRequest("POST", "/api/v1/publish/batch", { events: Array(100).fill(stock) });
    expect(await requestsDuring(batch)).toBe(COUNTS.requestsPerPublishCall);
  });

  test("one request per connection", async () => {
    const token = await mintToken();
    expect(await requestsDuring(() => listen("products", { token }))).toBe(COUNTS.requestsPerConnection);
  });
});

test("there are as many registries as the bill assumes", () => {
  expect(registryStubs(env)).toHaveLength(COUNTS.registries);
});

test("the first product event after a wake reads the ids of its history in chunks", async () => {
  const event = { channel: "products", type: "product_updated", data: { product_id: "p" } };
  await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(1000).fill(event) });
  await evictDurableObject(productsObject(), { webSockets: "close" });
  await publish("products", { type: "product_updated", data: { product_id: "p" } });
  const { rowsRead } = await productsObject().usage();
  report("first event after a wake, 1,000 events of history", rowsRead, "rows read");
  // The 20 extra rows: tables, documents, both ends of the history, its oldest row and the product.
  expect(rowsRead).toBeLessThanOrEqual(1000 / 256 + 256 + 20);
});

test("a resume from a full history reads each event once", { timeout: 30_000 }, async () => {
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
  // The 10 extra rows: the list of tables, the order, the channel, and both ends of the history.
  expect(rowsRead).toBeLessThanOrEqual(1000 + 10);
  expect(rowsWritten).toBe(0);
});
