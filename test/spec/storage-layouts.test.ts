import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { attachment, orderTables, productsTables, type StoredTable } from "../support/layouts/layout-1.ts";
import * as layout2 from "../support/layouts/layout-2.ts";
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
      tracking_number: null,
      carrier: null,
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
    expect(await documentsOf(products())).toMatchObject({ layout: 3 });
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

describe("layout 2", () => {
  const EPOCH = "b881a281";
  const update = (product_id: string, version?: number) =>
    publish("products", { type: "product_updated", data: { product_id }, version });
  /** Resumes with a filter. Returns the `seq` of each replayed event, or null when it was not resumed. */
  const resumeWith = async (since: number, ...products: string[]) => {
    const query = { since: String(since), epoch: EPOCH, product_id: products };
    const socket = await connect("products", { token: await mintToken(), query });
    const { resumed } = (await socket.frame()).data;
    const frames = await socket.settle();
    socket.close();
    return resumed ? frames.map((text) => JSON.parse(text).seq) : null;
  };

  test("[promise 8] the products keep their history, versions, and when they were deleted", async () => {
    await store(products(), layout2.productsTables(Date.now()));
    expect((await update("p-42", 7)).status).toBe("stale");
    expect((await update("p-7", 3)).status).toBe("stale");
    expect(await resumeWith(0, "p-42", "p-7")).toEqual([1, 2]);
    expect(await documentsOf(products())).toMatchObject({ layout: 3, channel: { epoch: EPOCH, chainedAfter: 2 } });
    const rows = await runInDurableObject(products(), (_, { storage }) => ({
      versions: storage.sql.exec("SELECT * FROM versions ORDER BY product").toArray(),
      gone: storage.sql.exec("SELECT * FROM gone").toArray(),
    }));
    expect(rows).toEqual({
      versions: [
        { product: "p-42", version: 7, seq: 0, gone_at: null },
        { product: "p-7", version: 3, seq: 0, gone_at: expect.any(Number) },
      ],
      gone: [],
    });
  });

  test("[promise 3] [promise 8] a rollback to it and back loses no version, and leaves no gap for a filtered listener", async () => {
    await store(products(), layout2.productsTables(Date.now()));
    expect(await update("p-42", 8)).toMatchObject({ status: "applied", seq: 3 });
    expect(await update("p-9")).toMatchObject({ status: "applied", seq: 4 });
    // The former version runs again: it finds the version, and none for a product without one.
    const asFormerVersion = (...statements: string[]) =>
      runInDurableObject(products(), (_, { storage }) =>
        statements.map((statement) => storage.sql.exec(statement).toArray()),
      );
    const query =
      "SELECT version, at FROM versions LEFT JOIN gone ON gone.product = versions.product WHERE versions.product =";
    expect(await asFormerVersion(`${query} 'p-42'`, `${query} 'p-9'`)).toEqual([
      [{ version: 8, at: null }],
      // Published versions are at least 0.
      [{ version: -1, at: null }],
    ]);
    await asFormerVersion(
      ...layout2.appendStatements({ seq: 5, product: "p-42", version: 9, ts: Date.now() }),
      "DELETE FROM log WHERE seq <= 3",
    );
    await evictDurableObject(products(), { webSockets: "close" });
    expect((await update("p-42", 9)).status).toBe("stale");
    expect(await update("p-42", 10)).toMatchObject({ status: "applied", seq: 6 });
    // Event 3 has left the log: what the former version appended does not show that.
    expect(await resumeWith(2, "p-42")).toBe(null);
    expect(await resumeWith(3, "p-42")).toEqual([5, 6]);
    expect(await resumeWith(5, "p-42")).toEqual([6]);
    expect(await resumeWith(5, "p-9")).toEqual([]);
  });

  test("[promise 4] a history that it began again after a rollback knows its ids, and none from before", async () => {
    const batch = (...ids: string[]) => {
      const event = { channel: "products", type: "product_updated", data: { product_id: "p-42" } };
      return serviceRequest("POST", "/api/v1/publish/batch", { events: ids.map((id) => ({ ...event, id })) });
    };
    await store(products(), layout2.productsTables(Date.now()));
    await batch(...Array.from({ length: 300 }, (_, i) => `before-${i}`));
    await runInDurableObject(products(), (_, { storage }) => {
      storage.sql.exec("DELETE FROM log");
      storage.sql.exec("DELETE FROM state WHERE name = 'channel'");
      for (let seq = 1; seq <= 10; seq++) {
        const event = { seq, product: "p-42", version: 7 + seq, ts: Date.now() };
        for (const statement of layout2.appendStatements(event)) storage.sql.exec(statement);
      }
    });
    await evictDurableObject(products(), { webSockets: "close" });
    const { results } = await (await batch("former-10", "before-9")).json<{ results: { status: string }[] }>();
    // The first id is known: its body differs from the one stored.
    expect(results.map(({ status }) => status)).toEqual(["rejected", "applied"]);
  });

  test("[promise 3] a history that it emptied after a rollback keeps its epoch", async () => {
    await store(products(), layout2.productsTables(Date.now()));
    await update("p-42", 8);
    await runInDurableObject(products(), (_, { storage }) => {
      const log = layout2.productsTables(0).find(({ name }) => name === "log")?.create ?? "";
      const channel = JSON.stringify({ epoch: EPOCH, base: 3, since: 0 });
      storage.sql.exec("DROP TABLE log");
      storage.sql.exec(log);
      storage.sql.exec("UPDATE state SET value = ? WHERE name = 'channel'", channel);
    });
    await evictDurableObject(products(), { webSockets: "close" });
    expect(await update("p-42", 9)).toMatchObject({ status: "applied", seq: 4 });
    expect(await resumeWith(2, "p-42")).toBe(null);
    expect(await resumeWith(3, "p-42")).toEqual([4]);
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

describe("[promise 3] a product's row that cannot be read lets no listener resume past a possible gap:", () => {
  test.each([
    ["its last position", "UPDATE versions SET seq = 'x' WHERE product = 'p'"],
    ["a position that is not its own", "UPDATE versions SET seq = seq - 1 WHERE product = 'p'"],
    ["the position before", "UPDATE log SET prev = 'x' WHERE product = 'p'"],
    ["a position ahead", "UPDATE log SET prev = seq WHERE product = 'p'"],
    ["what is known of forgotten products", "INSERT INTO state VALUES ('pruning', '{')", "never-seen"],
  ])("%s", async (_, damage, product = "p") => {
    await runInDurableObject(products(), (_, { storage }) => storage.deleteAll());
    await evictDurableObject(products(), { webSockets: "close" });
    const update = (product_id: string) => publish("products", { type: "product_updated", data: { product_id } });
    for (const other of ["p", "q", "p", "q"]) await update(other);
    const socket = await connect("products", { token: await mintToken() });
    const { epoch } = (await socket.frame()).data;
    await runInDurableObject(products(), (_, { storage }) => {
      storage.sql.exec(damage);
    });
    await evictDurableObject(products(), { webSockets: "close" });
    const query = { since: "1", epoch: String(epoch), product_id: product };
    const resumed = await connect("products", { token: await mintToken(), query });
    expect((await resumed.frame()).data.resumed).toBe(false);
    expect((await update(product)).status).toBe("applied");
  });
});

test("[promise 1] an event is stored even if the row that it would overwrite is missing from a full log", async () => {
  const id = await registerOrder();
  const event = { channel: `order_${id}`, type: "order_shipped", data: {} };
  await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(1000).fill(event) });
  const { epoch } = await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<{ epoch: string }>();
  await runInDurableObject(order(id), (_, { storage }) => {
    storage.sql.exec("DELETE FROM log WHERE seq = 2");
  });
  await evictDurableObject(order(id));
  for (const seq of [1001, 1002]) {
    expect(await publish(`orders/${id}`, { type: "order_delivered", data: {} })).toMatchObject({ seq });
  }
  const socket = await connect(`orders/${id}`, { token: await mintToken(), query: { since: "1001", epoch } });
  expect((await socket.frame()).data.resumed).toBe(true);
  expect((await socket.frame()).seq).toBe(1002);
});

describe("a log row that cannot be read", () => {
  const damages: [string, string][] = [
    ["a time beyond all dates", "UPDATE log SET ts = 9000000000000000 WHERE seq = 2"],
    ["a time that is text", "UPDATE log SET ts = 'soon' WHERE seq = 2"],
    ["an empty frame", "UPDATE log SET frame = '' WHERE seq = 1"],
    ["a frame that is not JSON", "UPDATE log SET frame = 'secret street 1' WHERE seq = 1"],
    ["a position beyond 2^53", "UPDATE log SET seq = 9007199254740993 WHERE seq = 2"],
    ["a negative position", "UPDATE log SET seq = -7 WHERE seq = 1"],
    ["no row at all", "DELETE FROM log WHERE seq = 1"],
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
