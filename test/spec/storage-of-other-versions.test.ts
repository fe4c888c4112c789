import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { connect, orderObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** Storage and sockets written by another version are read as far as possible, and never crash a channel. */

const sql = async (id: string, ...statements: string[]) => {
  await runInDurableObject(orderObject(id), (_, { storage }) => {
    for (const statement of statements) storage.sql.exec(statement);
  });
  await evictDurableObject(orderObject(id));
};

async function orderWithEvents(): Promise<{ id: string; epoch: string }> {
  const id = await registerOrder();
  for (const n of [1, 2]) await publish(`orders/${id}`, { type: "order_shipped", data: { n } });
  const { epoch } = await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<{ epoch: string }>();
  return { id, epoch };
}

const resume = async (id: string, epoch: string, since = 1) => {
  const query = { since: String(since), epoch };
  const socket = await connect(`orders/${id}`, { token: await mintToken(), query });
  return (await socket.frame()).data;
};

describe("[promise 3] a history table", () => {
  test("with other columns is created again in a new epoch: resumed:false, the order's state stays, publishing works", async () => {
    const { id, epoch } = await orderWithEvents();
    await sql(
      id,
      "DROP TABLE log",
      "CREATE TABLE log (seq INTEGER PRIMARY KEY, body TEXT)",
      "INSERT INTO log VALUES (2, '{}')",
    );
    const data = await resume(id, epoch);
    expect(data).toMatchObject({ resumed: false, current_status: "shipped", payment_status: "pending" });
    expect(data.epoch).not.toBe(epoch);
    expect((await publish(`orders/${id}`, { type: "order_delivered", data: {} })).status).toBe("applied");
    expect(await resume(id, String(data.epoch))).toMatchObject({ epoch: data.epoch });
  });

  test("that is missing starts a new epoch: resumed:false, the order's state stays, publishing works", async () => {
    const { id, epoch } = await orderWithEvents();
    await sql(id, "DROP TABLE log");
    expect(await resume(id, epoch)).toMatchObject({ resumed: false, current_status: "shipped" });
    expect((await publish(`orders/${id}`, { type: "order_delivered", data: {} })).status).toBe("applied");
  });
});

describe("when stored state cannot be parsed,", () => {
  test("the channel starts a new epoch, keeps it, and continues seq after the stored events", async () => {
    const { id, epoch } = await orderWithEvents();
    for (const value of ["{", "{}", '{"epoch":7,"base":"x"}', "null"]) {
      await sql(id, `UPDATE state SET value = '${value}' WHERE name = 'channel'`);
      const data = await resume(id, epoch);
      expect(data).toMatchObject({ resumed: false, seq: 2 });
      await evictDurableObject(orderObject(id), { webSockets: "close" });
      expect((await resume(id, String(data.epoch), 2)).resumed).toBe(true);
    }
    expect((await publish(`orders/${id}`, { type: "order_delivered", data: {} })).seq).toBe(3);
  });

  test("the order has no owner, so only admins may listen", async () => {
    const { id } = await orderWithEvents();
    await sql(id, `UPDATE state SET value = '{"user_id":["alice"]}' WHERE name = 'order'`);
    expect((await (await connect(`orders/${id}`, { token: await mintToken() })).closed()).code).toBe(4003);
    const admin = await connect(`orders/${id}`, { token: await adminToken() });
    expect((await admin.frame()).data).toMatchObject({ current_status: null, seq: 2 });
  });

  test("an order without fields added later is still read", async () => {
    const { id } = await orderWithEvents();
    const older = '{"user_id":"alice","status":"delivered","payment_status":"paid","version":null}';
    await sql(id, `UPDATE state SET value = '${older}' WHERE name = 'order'`);
    const socket = await connect(`orders/${id}`, { token: await mintToken() });
    expect((await socket.frame()).data).toMatchObject({ current_status: "delivered" });
  });

  test("a socket with an unknown attachment is closed with 4200 (reconnect), and others stay open", async () => {
    const id = await registerOrder();
    const token = await mintToken();
    const sockets = [await connect(`orders/${id}`, { token }), await connect(`orders/${id}`, { token })];
    for (const socket of sockets) await socket.frame();
    await runInDurableObject(orderObject(id), (_, state) =>
      state.getWebSockets()[0]?.serializeAttachment({ who: "alice" }),
    );
    await evictDurableObject(orderObject(id));
    expect((await publish(`orders/${id}`, { type: "order_shipped", data: {} })).receivers).toBe(1);
    const closed = await Promise.any(sockets.map((socket) => socket.closed()));
    expect(closed.code).toBe(4200);
  });
});
