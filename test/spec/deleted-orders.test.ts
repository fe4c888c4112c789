import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { connect, orderObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** State never goes backwards unnoticed: neither by a late registration nor after an order was deleted. */

afterEach(() => {
  vi.useRealTimers();
});

const put = (id: string, body: Record<string, unknown>) => serviceRequest("PUT", `/api/v1/orders/${id}`, body);
const get = async (id: string) => (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<Record<string, unknown>>();
const pending = { user_id: "alice", status: "pending", payment_status: "pending" };

describe("[promise 8] PUT with a version", () => {
  test("that is late changes nothing and receives the order as it is", async () => {
    const id = crypto.randomUUID();
    expect((await put(id, { ...pending, version: 1 })).status).toBe(201);
    await publish(`orders/${id}`, { type: "order_shipped", data: {}, version: 5 });
    const late = await put(id, { ...pending, user_id: "mallory", version: 1 });
    expect(late.status).toBe(200);
    expect(await late.json()).toEqual({ order_id: id, ...pending, status: "shipped", version: 5, stale: true });
    expect(await get(id)).toMatchObject({ user_id: "alice", status: "shipped", seq: 1 });
  });

  test("makes a later event with an older version stale", async () => {
    const id = crypto.randomUUID();
    await put(id, { ...pending, version: 7 });
    expect((await publish(`orders/${id}`, { type: "order_shipped", data: {}, version: 7 })).status).toBe("stale");
    expect((await publish(`orders/${id}`, { type: "order_shipped", data: {}, version: 8 })).status).toBe("applied");
  });

  test("that is not a version is refused", async () => {
    for (const version of [-1, 1.5, "1", null]) {
      expect((await put(crypto.randomUUID(), { ...pending, version })).status, String(version)).toBe(422);
    }
  });
});

describe("[promise 8] a deleted order", () => {
  const remove = async (id: string) =>
    expect((await serviceRequest("DELETE", `/api/v1/orders/${id}`)).status).toBe(204);
  const contentsOf = (id: string) =>
    runInDurableObject(orderObject(id), (_, { storage }) => {
      const names = storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'").toArray();
      return names.map(({ name }) => [name, storage.sql.exec(`SELECT * FROM ${name}`).toArray()]);
    });

  test("leaves the time of its deletion and nothing else", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    await remove(id);
    expect(await contentsOf(id)).toEqual([["tombstone", [{ deleted_at: expect.any(Number) }]]]);
  });

  test("is not recreated by a late event, with or without a version or a registration", async () => {
    const id = await registerOrder();
    await remove(id);
    for (const more of [{}, { version: 9 }, { order: pending }, { id: "late" }]) {
      const result = await publish(`orders/${id}`, { type: "order_shipped", data: {}, ...more });
      expect(result).toMatchObject({ status: "stale", seq: null });
      await evictDurableObject(orderObject(id));
    }
    expect((await serviceRequest("GET", `/api/v1/orders/${id}`)).status).toBe(404);
    expect((await serviceRequest("DELETE", `/api/v1/orders/${id}`)).status).toBe(404);
    expect((await serviceRequest("POST", `/api/v1/orders/${id}/tickets`, {})).status).toBe(404);
    expect((await (await connect(`orders/${id}`, { token: await mintToken() })).closed()).code).toBe(4004);
    expect(await contentsOf(id)).toHaveLength(1);
  });

  test("is revived by PUT, in a new epoch", async () => {
    const id = await registerOrder();
    const before = await get(id);
    await remove(id);
    expect((await put(id, { ...pending, version: 1 })).status).toBe(201);
    const after = await get(id);
    expect(after).toMatchObject({ status: "pending", seq: 0 });
    expect(after.epoch).not.toBe(before.epoch);
    expect((await publish(`orders/${id}`, { type: "order_shipped", data: {} })).status).toBe("applied");
  });

  test("is forgotten after the history's span, by one alarm", async () => {
    stopClock();
    const id = await registerOrder();
    await remove(id);
    advanceClock(86_400_000 - 1000);
    await runDurableObjectAlarm(orderObject(id));
    expect((await publish(`orders/${id}`, { type: "order_shipped", data: {} })).status).toBe("stale");
    advanceClock(120_000);
    expect(await runDurableObjectAlarm(orderObject(id))).toBe(true);
    expect(await contentsOf(id)).toEqual([]);
    const alarm = await runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm());
    expect(alarm).toBe(null);
  });
});
