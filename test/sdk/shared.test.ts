import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { GetToken, PositionStorage } from "../../src/sdk/connection/options.ts";
import { sharedTabs } from "../../src/sdk/tabs/tabs.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, listenToProducts, memoryStorage, publishAt, seqsOf, upTo } from "./support/listener.ts";

/**
 * How a connection that tabs share begins, and what one hears that comes back. Node has the locks and channels of a
 * browser, so each connection here is a tab. Pages and their life are tested in a browser.
 */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

const open: { close(): void }[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
  vi.unstubAllGlobals();
});
interface Tab {
  getToken?: GetToken;
  storage?: PositionStorage;
}
const tuning = { connectTimeoutMs: 2000 };
const tab = (id: string, { getToken = mintToken, ...options }: Tab = {}) => {
  const listener = listenToOrder(service.url, id, { shared: sharedTabs(), getToken, tuning, ...options });
  open.push(listener.connection);
  return listener;
};
const listen = async (getToken: GetToken) => tab(await registerOrderAt(service.url), { getToken });
const connections = async () => {
  const health = (await (await callService(service.url, "GET", "ws/health")).json()) as { total_connections: number };
  return health.total_connections;
};
const ship = (id: string) => publishAt(service.url, `orders/${id}`, "order_shipped", { carrier: "UPS" });
const deliver = (id: string) => publishAt(service.url, `orders/${id}`, "order_delivered", {});

test("a token that never comes is asked for again, and the socket is shared as soon as there is one", async () => {
  const id = await registerOrderAt(service.url);
  let asked = 0;
  const first = tab(id, { getToken: () => (++asked === 1 ? new Promise(() => {}) : mintToken()) });
  await first.heard.reaches("live");
  const second = tab(id);
  await second.heard.reaches("live");
  await eventually(async () => expect(await connections()).toBe(1));
  await ship(id);
  for (const { heard } of [first, second]) {
    await eventually(() => expect(seqsOf(heard.events)).toEqual([1]));
    expect(heard.gaps).toEqual([]);
  }
});

test("one that is closed and begun anew before the token came has one socket", async () => {
  let asked = 0;
  const { promise: isDown, reject: fail } = Promise.withResolvers<string>();
  const { connection, heard } = await listen(() => (++asked <= 2 ? isDown : mintToken()));
  connection.close();
  connection.reconnect();
  fail(new Error("the shop's backend is down"));
  await heard.reaches("live");
  await eventually(async () => expect(await connections()).toBe(1));
});

test("where a browser has channels and allows none, each tab has its own socket", async () => {
  vi.stubGlobal(
    "BroadcastChannel",
    class {
      constructor() {
        throw new DOMException("The operation is insecure.", "SecurityError");
      }
    },
  );
  const id = await registerOrderAt(service.url);
  const tabs = [tab(id), tab(id)];
  for (const { heard } of tabs) await heard.reaches("live");
  await ship(id);
  for (const { heard } of tabs) await eventually(() => expect(seqsOf(heard.events)).toEqual([1]));
});

test("one that comes back to others that know less gets from the service what it missed: it is no gap", async () => {
  const id = await registerOrderAt(service.url);
  const first = tab(id);
  await first.heard.reaches("live");
  await ship(id);
  await eventually(() => expect(seqsOf(first.heard.events)).toEqual([1]));
  first.connection.close();
  for (let i = 0; i < 3; i++) await ship(id);
  const second = tab(id);
  await second.heard.reaches("live");
  await ship(id);
  await eventually(() => expect(seqsOf(second.heard.events)).toEqual([5]));
  first.connection.reconnect();
  await eventually(() => expect(seqsOf(first.heard.events)).toEqual(upTo(5)));
  await first.heard.reaches("live");
  await eventually(async () => expect(await connections()).toBe(1));
  await ship(id);
  for (const { heard } of [first, second]) await eventually(() => expect(heard.events.at(-1)?.seq).toBe(6));
  expect(seqsOf(first.heard.events)).toEqual(upTo(6));
  expect([first, second].flatMap(({ heard }) => heard.gaps)).toEqual([]);
});

test("one that is loaded anew is told how the order stands now, and hears nothing that it heard before", async () => {
  const id = await registerOrderAt(service.url);
  const first = tab(id);
  await first.heard.reaches("live");
  const storage = memoryStorage();
  const second = tab(id, { storage });
  await second.heard.reaches("live");
  await ship(id);
  await deliver(id);
  await eventually(() => expect(seqsOf(second.heard.events)).toEqual([1, 2]));
  second.connection.close();
  const reloaded = tab(id, { storage });
  await reloaded.heard.reaches("live");
  expect(reloaded.heard.snapshots).toMatchObject([{ current_status: "delivered", seq: 2, resumed: true }]);
  expect(reloaded.heard.events).toEqual([]);
});

test("positions that come without an event are those of every tab", async () => {
  const tabs = [1, 2].map(() => {
    const shared = { shared: sharedTabs(), tuning, productIds: ["quiet"], storage: memoryStorage() };
    const listener = listenToProducts(service.url, shared);
    open.push(listener.connection);
    return { ...listener, ...shared };
  });
  for (const { heard } of tabs) await heard.reaches("live");
  const event = { channel: "products", type: "product_updated", data: { product_id: "busy" } };
  await callService(service.url, "POST", "publish/batch", { events: Array(600).fill(event) });
  await eventually(() => {
    for (const { connection, storage } of tabs) {
      expect(connection.position?.seq).toBeGreaterThan(500);
      const [stored = "{}"] = storage.kept.values();
      expect(JSON.parse(stored)).toEqual(connection.position);
    }
  });
});
