import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { connect, orderObject, registerOrder, request } from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

const storedRows = (id: string) =>
  runInDurableObject(
    orderObject(id),
    (_, { storage }) => storage.sql.exec("SELECT count(*) AS tables FROM sqlite_master").one().tables,
  );

test("a stranger leaves no trace: a probe for 1,000 unknown orders leaves no stored byte", {
  timeout: 120_000,
}, async () => {
  const token = await mintToken();
  const ids = Array.from({ length: 1000 }, () => crypto.randomUUID());
  for (const id of ids) {
    const socket = await connect(`orders/${id}`, { token });
    expect((await socket.closed()).code).toBe(4004);
  }
  expect((await request(`/api/v1/orders/${ids[0]}`, { headers: { Authorization: `Bearer ${token}` } })).status).toBe(
    404,
  );
  for (const id of ids) expect(await storedRows(id)).toBe(0);
});

test("a stranger at somebody's order adds nothing to it", async () => {
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
  const socket = await connect("products", { token: await adminToken() });
  await socket.frame();
  const stub = env.PRODUCTS_CHANNEL.getByName("products");
  const [documents, events] = await runInDurableObject(stub, (_, { storage }) => [
    storage.sql.exec("SELECT name FROM state ORDER BY name").toArray(),
    storage.sql.exec("SELECT * FROM log").toArray(),
  ]);
  expect(documents).toEqual([{ name: "channel" }, { name: "layout" }]);
  expect(events).toEqual([]);
  expect(await listDurableObjectIds(env.PRODUCTS_CHANNEL)).toHaveLength(1);
});
