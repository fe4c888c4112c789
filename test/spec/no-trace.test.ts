import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { connect, listen, orderObject, registerOrder, request } from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

const storedRows = (id: string) =>
  runInDurableObject(
    orderObject(id),
    (_, { storage }) => storage.sql.exec("SELECT count(*) AS tables FROM sqlite_master").one().tables,
  );

test("[promise 7] 200 connections to unknown orders store nothing", async () => {
  const token = await mintToken();
  const ids = Array.from({ length: 200 }, () => crypto.randomUUID());
  for (const id of ids) {
    const socket = await connect(`orders/${id}`, { token });
    expect((await socket.closed()).code).toBe(4004);
  }
  expect((await request(`/api/v1/orders/${ids[0]}`, { headers: { Authorization: `Bearer ${token}` } })).status).toBe(
    404,
  );
  for (const id of ids) expect(await storedRows(id)).toBe(0);
});

test("[promise 7] a refused connection to an existing order adds nothing to its storage", async () => {
  const id = await registerOrder("alice");
  const dump = () =>
    runInDurableObject(orderObject(id), (_, { storage }) => [
      ...storage.sql.exec("SELECT * FROM state").toArray(),
      storage.sql.databaseSize,
    ]);
  const before = await dump();
  const socket = await connect(`orders/${id}`, { token: await mintToken({ subject: "mallory" }) });
  expect((await socket.closed()).code).toBe(4003);
  expect(await dump()).toEqual(before);
});

test("the first accepted listener of products stores the name of the epoch that it is given, and nothing else", async () => {
  await listen("products", { token: await adminToken() });
  const stub = env.PRODUCTS_CHANNEL.getByName("products");
  const [documents, events] = await runInDurableObject(stub, (_, { storage }) => [
    storage.sql.exec("SELECT name FROM state ORDER BY name").toArray(),
    storage.sql.exec("SELECT * FROM log").toArray(),
  ]);
  expect(documents).toEqual([{ name: "channel" }, { name: "layout" }]);
  expect(events).toEqual([]);
  expect(await listDurableObjectIds(env.PRODUCTS_CHANNEL)).toHaveLength(1);
});
