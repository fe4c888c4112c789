import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { silence } from "../support/leak-guard/console.ts";
import { connect, listen, orderObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Each channel has one alarm, set only while something needs it. */

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LONG = { expiresIn: 10 * 86_400 };
const v1 = (token: string) => ({ "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` });
const alarmOf = (id: string) => runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm());
const rowsOf = (id: string, table: string) =>
  runInDurableObject(orderObject(id), (_, { storage }) => storage.sql.exec(`SELECT * FROM ${table}`).toArray());
const fireAlarm = (id: string) => runDurableObjectAlarm(orderObject(id));

describe("a socket without any message for IDLE_TIMEOUT_SECONDS (600)", () => {
  test("is closed with 4200 when its client speaks tidings.v1; one that pings, or a plain one that never did, stays open", async () => {
    const id = await registerOrder();
    const token = await mintToken(LONG);
    const [pinging, idle, plain] = [
      await connect(`orders/${id}`, { headers: v1(token) }),
      await connect(`orders/${id}`, { headers: v1(token) }),
      await connect(`orders/${id}`, { token }),
    ];
    for (const socket of [pinging, idle, plain]) await socket.frame();
    expect(await alarmOf(id)).toBe(Date.now() + 600_000);
    advanceClock(600_000);
    await pinging.settle();
    await fireAlarm(id);
    expect(await idle.closed()).toEqual({ code: 4200, reason: "Idle timeout" });
    expect(await orderObject(id).countListeners()).toBe(2);
    expect((await publish(`orders/${id}`, { type: "order_shipped", data: {} })).receivers).toBe(2);
    expect((await plain.frame()).seq).toBe(1);
  });

  test("is closed with 4200 when its plain client has pinged before", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, { token: await mintToken({ expiresIn: 3600 }) });
    await socket.settle();
    advanceClock(601_000);
    await fireAlarm(id);
    expect((await socket.closed()).code).toBe(4200);
  });
});

test("a plain client with a heartbeat in JSON has to keep it up like one that pings", async () => {
  const id = await registerOrder();
  const socket = await listen(`orders/${id}`, { token: await mintToken({ expiresIn: 3600 }) });
  socket.send('{"type":"ping"}');
  expect((await socket.frame()).type).toBe("pong");
  await evictDurableObject(orderObject(id));
  advanceClock(601_000);
  await fireAlarm(id);
  expect((await socket.closed()).code).toBe(4200);
});

describe("history older than HISTORY_TTL_SECONDS (one day)", () => {
  test("[promise 3] is deleted; the position stays, and seq goes on", async () => {
    const id = await registerOrder();
    for (const n of [1, 2, 3]) await publish(`orders/${id}`, { type: "order_shipped", data: { n } });
    const before = await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<{ epoch: string; seq: number }>();
    expect(await alarmOf(id)).toBe(Date.now() + DAY);
    await evictDurableObject(orderObject(id));
    advanceClock(DAY);
    await fireAlarm(id);
    expect(await rowsOf(id, "log")).toEqual([]);
    // What is left to do is idle retention.
    expect(await alarmOf(id)).toBe(Date.now() + 399 * DAY);
    await evictDurableObject(orderObject(id));
    expect(await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json()).toMatchObject(before);
    const socket = await connect(`orders/${id}`, {
      token: await mintToken(),
      query: { since: "3", epoch: before.epoch },
    });
    expect((await socket.frame()).data).toMatchObject({ resumed: true, seq: 3 });
    const late = await connect(`orders/${id}`, {
      token: await mintToken(),
      query: { since: "2", epoch: before.epoch },
    });
    expect((await late.frame()).data.resumed).toBe(false);
    expect(await publish(`orders/${id}`, { type: "order_shipped", data: {} })).toMatchObject({ seq: 4, receivers: 2 });
  });

  test("is kept while a younger event is there, and the alarm is set for that event", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    advanceClock(DAY / 2);
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    advanceClock(DAY / 2);
    await fireAlarm(id);
    expect(await rowsOf(id, "log")).toHaveLength(2);
    expect(await alarmOf(id)).toBe(Date.now() + DAY / 2);
  });
});

describe("an order with a terminal status", () => {
  for (const type of ["order_delivered", "order_cancelled"]) {
    test(`is erased but for a tombstone ORDER_RETENTION_SECONDS (30 days) after ${type}`, async () => {
      const id = await registerOrder();
      await publish(`orders/${id}`, { type, data: {} });
      advanceClock(DAY);
      await fireAlarm(id);
      expect(await alarmOf(id)).toBe(Date.now() + 29 * DAY);
      advanceClock(29 * DAY);
      const socket = await listen(`orders/${id}`, { token: await mintToken(LONG) });
      await fireAlarm(id);
      expect((await socket.closed()).code).toBe(4004);
      const tables = await runInDurableObject(orderObject(id), (_, { storage }) =>
        storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'").toArray(),
      );
      expect(tables).toEqual([{ name: "tombstone" }]);
      expect(await alarmOf(id)).toBe(Date.now() + DAY);
    });
  }

  test("is kept when another status follows", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { type: "order_delivered", data: {} });
    advanceClock(20 * DAY);
    await fireAlarm(id);
    await publish(`orders/${id}`, { type: "order_status_changed", data: { new_status: "returning" } });
    advanceClock(20 * DAY);
    await fireAlarm(id);
    expect(await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json()).toMatchObject({ status: "returning" });
  });
});

describe("the alarm", () => {
  test("is set again when its work fails", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, { token: await mintToken({ expiresIn: 100 }) });
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const logged = silence();
    advanceClock(DAY);
    await runInDurableObject(orderObject(id), (_, { storage }) => {
      storage.sql.exec("CREATE TRIGGER stuck BEFORE UPDATE ON state BEGIN SELECT RAISE(FAIL, 'stuck'); END");
      storage.sql.exec("CREATE TRIGGER stuck2 BEFORE INSERT ON state BEGIN SELECT RAISE(FAIL, 'stuck'); END");
    });
    await fireAlarm(id);
    expect((await socket.closed()).code).toBe(4001);
    expect(logged).toHaveBeenCalledWith(expect.stringContaining('"where":"maintenance"'));
    expect(await alarmOf(id)).toBe(Date.now() + 60_000);
    await runInDurableObject(orderObject(id), (_, { storage }) => {
      storage.sql.exec("DROP TRIGGER stuck");
      storage.sql.exec("DROP TRIGGER stuck2");
    });
    advanceClock(60_000);
    await fireAlarm(id);
    expect(await rowsOf(id, "log")).toEqual([]);
  });

  test("[promise 6] of an order without listeners and events waits for ORDER_IDLE_RETENTION_SECONDS (400 days)", async () => {
    const id = await registerOrder();
    expect(await alarmOf(id)).toBe(Date.now() + 400 * DAY);
    advanceClock(400 * DAY);
    await fireAlarm(id);
    expect((await serviceRequest("GET", `/api/v1/orders/${id}`)).status).toBe(404);
  });
});
