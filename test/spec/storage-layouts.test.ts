import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { attachment, orderTables, productsTables, type StoredTable } from "../support/layouts/layout-1.ts";
import { connect, orderObject, productsObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Storage that another version wrote is opened with nothing lost, whichever of the two is newer. */

afterEach(() => {
  vi.useRealTimers();
});

async function store(object: DurableObjectStub<undefined>, tables: StoredTable[]): Promise<void> {
  await runInDurableObject(object, async (_, { storage }) => {
    await storage.deleteAll();
    for (const { name, create, rows } of tables) {
      storage.sql.exec(create);
      for (const row of rows) {
        const values = Object.values(row);
        storage.sql.exec(`INSERT INTO ${name} VALUES (${values.map(() => "?").join()})`, ...values);
      }
    }
  });
  await evictDurableObject(object, { webSockets: "close" });
}

const order = (id: string) => orderObject(id) as unknown as DurableObjectStub<undefined>;
const products = () => productsObject() as unknown as DurableObjectStub<undefined>;
const documentsOf = (object: DurableObjectStub<undefined>) =>
  runInDurableObject(object, (_, { storage }) =>
    Object.fromEntries(
      storage.sql
        .exec<{ name: string; value: string }>("SELECT name, value FROM state")
        .toArray()
        .map(({ name, value }) => [name, JSON.parse(value)]),
    ),
  );

describe("layout 1 (version 0.1.0)", () => {
  test("an order keeps its owner, statuses, version, history, ids and tickets", async () => {
    const id = crypto.randomUUID();
    await store(order(id), orderTables(id, Date.now()));
    const snapshot = await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json();
    expect(snapshot).toEqual({
      order_id: id,
      user_id: "alice",
      status: "shipped",
      payment_status: "paid",
      channel: `order_${id}`,
      epoch: "8291c508",
      seq: 2,
    });
    const query = { since: "0", epoch: "8291c508" };
    const socket = await connect(`orders/${id}`, { token: await mintToken(), query });
    expect((await socket.frame()).data.resumed).toBe(true);
    expect((await socket.frames(2)).map((frame) => frame.id)).toEqual(["evt-1", "evt-2"]);
    const repeated = { type: "order_status_changed", data: { new_status: "processing" }, id: "evt-1", version: 1 };
    expect(await publish(`orders/${id}`, repeated)).toMatchObject({ status: "duplicate", seq: 1 });
    expect((await publish(`orders/${id}`, { ...repeated, id: "late" })).status).toBe("stale");
    expect(await publish(`orders/${id}`, { type: "order_delivered", data: {} })).toMatchObject({ seq: 3 });
    expect((await documentsOf(order(id))).order.ticket_series).toBe("9fc01a82-50f9-4116-973b-bc6631b5a583");
  });

  test("an order's idle retention begins when this version first opens it, for one written row", async () => {
    stopClock();
    const id = crypto.randomUUID();
    await store(order(id), orderTables(id, Date.now()));
    const read = () => serviceRequest("GET", `/api/v1/orders/${id}`);
    expect((await read()).status).toBe(200);
    expect((await orderObject(id).usage()).rowsWritten).toBe(1);
    const { order: stored } = await documentsOf(order(id));
    expect(stored).toMatchObject({ status: "shipped", changed_at: Date.now(), ended_at: null });
    await evictDurableObject(order(id));
    expect((await read()).status).toBe(200);
    expect((await orderObject(id).usage()).rowsWritten).toBe(0);
    advanceClock(400 * 86_400_000);
    await runDurableObjectAlarm(order(id));
    expect((await read()).status).toBe(404);
  });

  test("an order that ended is erased after its retention, which begins when this version first opens it", async () => {
    stopClock();
    const id = crypto.randomUUID();
    await store(order(id), orderTables(id, Date.now()));
    await runInDurableObject(order(id), (_, { storage }) => {
      storage.sql.exec(
        `UPDATE state SET value = json_remove(json_set(value, '$.status', 'Completed'), '$.changed_at')`,
      );
    });
    await evictDurableObject(order(id));
    await serviceRequest("GET", `/api/v1/orders/${id}`);
    expect((await documentsOf(order(id))).order).toMatchObject({ status: "Completed", ended_at: Date.now() });
  });

  test("the products keep their history and versions", async () => {
    await store(products(), productsTables(Date.now()));
    const stock = (version: number) =>
      publish("products", { type: "inventory_updated", data: { product_id: "p-42", new_quantity: 1 }, version });
    expect((await stock(7)).status).toBe("stale");
    expect(await stock(8)).toMatchObject({ status: "applied", seq: 2 });
    const query = { since: "0", epoch: "b881a281" };
    const socket = await connect("products", { token: await mintToken(), query });
    expect((await socket.frame()).data).toMatchObject({ resumed: true, seq: 2 });
    expect(await documentsOf(products())).toMatchObject({ layout: 2 });
  });

  test("a socket stays open through the deploy, a guest's with the right to listen", async () => {
    const id = await registerOrder();
    const { token } = await (await serviceRequest("POST", `/api/v1/orders/${id}/tickets`, {})).json<{
      token: string;
    }>();
    const guest = await connect(`orders/${id}`, { token });
    await guest.frame();
    await runInDurableObject(order(id), (_, ctx) => {
      ctx.storage.sql.exec(
        `UPDATE state SET value = json_set(value, '$.ticket_series', '9fc01a82-50f9-4116-973b-bc6631b5a583') WHERE name = 'order'`,
      );
      ctx.getWebSockets()[0]?.serializeAttachment(attachment(id, Date.now() + 60_000));
    });
    await evictDurableObject(order(id));
    const registration = { user_id: "alice", status: "packed", payment_status: "pending" };
    await serviceRequest("PUT", `/api/v1/orders/${id}`, registration);
    expect((await guest.frame()).type).toBe("order_status_changed");
  });
});

describe("a later layout, after a rollback", () => {
  test("is read, and what only the later version knows is kept", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const { epoch } = await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<{ epoch: string }>();
    await runInDurableObject(order(id), (_, { storage }) => {
      for (const statement of [
        "ALTER TABLE log ADD COLUMN prev INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE state ADD COLUMN written_at INTEGER",
        "CREATE TABLE chunks (seq INTEGER PRIMARY KEY)",
        "INSERT INTO chunks VALUES (1)",
        "INSERT OR REPLACE INTO state (name, value) VALUES ('layout', '99')",
        "UPDATE state SET value = json_set(value, '$.priority', 'high') WHERE name = 'order'",
      ]) {
        storage.sql.exec(statement);
      }
    });
    await evictDurableObject(order(id));
    expect(await publish(`orders/${id}`, { type: "order_delivered", data: {} })).toMatchObject({ seq: 2 });
    const query = { since: "0", epoch };
    const socket = await connect(`orders/${id}`, { token: await mintToken(), query });
    expect((await socket.frame()).data).toMatchObject({ resumed: true, current_status: "delivered" });
    expect(await documentsOf(order(id))).toMatchObject({ layout: 99, order: { priority: "high" } });
    const chunks = await runInDurableObject(order(id), (_, { storage }) =>
      storage.sql.exec("SELECT * FROM chunks").toArray(),
    );
    expect(chunks).toHaveLength(1);
  });
});

describe("a log row that cannot be read", () => {
  const damages: [string, string][] = [
    ["a time beyond all dates", "UPDATE log SET ts = 9000000000000000 WHERE seq = 2"],
    ["a time that is text", "UPDATE log SET ts = 'soon' WHERE seq = 2"],
    ["an empty frame", "UPDATE log SET frame = '' WHERE seq = 1"],
    ["a frame that is not JSON", "UPDATE log SET frame = 'secret street 1' WHERE seq = 1"],
    ["a position beyond 2^53", "UPDATE log SET seq = 9007199254740993 WHERE seq = 2"],
    ["a negative position", "UPDATE log SET seq = -7 WHERE seq = 1"],
  ];
  for (const [name, damage] of damages) {
    test(`${name}: the channel goes on in a new epoch, and no fault quotes it`, async () => {
      const id = await registerOrder();
      for (const n of [1, 2]) await publish(`orders/${id}`, { type: "order_shipped", data: { n }, id: `e${n}` });
      const { epoch } = await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<{ epoch: string }>();
      await runInDurableObject(order(id), (_, { storage }) => {
        storage.sql.exec(damage);
      });
      await evictDurableObject(order(id));
      const query = { since: "0", epoch };
      const socket = await connect(`orders/${id}`, { token: await mintToken(), query });
      expect((await socket.frame()).data).toMatchObject({ resumed: false, current_status: "shipped" });
      for (const n of [1, 2]) {
        const repeated = await publish(`orders/${id}`, { type: "order_shipped", data: { n }, id: `e${n}` });
        expect(repeated.status).toMatch(/applied|duplicate/);
      }
      expect((await publish(`orders/${id}`, { type: "order_delivered", data: {} })).seq).toBeGreaterThan(2);
    });
  }
});
