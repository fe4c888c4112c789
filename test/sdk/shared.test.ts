import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { OrderOptions, PositionStorage } from "../../src/sdk/connection/options.ts";
import type { GetToken } from "../../src/sdk/connection/types.ts";
import { sharedTabs } from "../../src/sdk/tabs/tabs.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, listenToProducts, memoryStorage, publishAt, seqsOf, upTo } from "./support/listener.ts";

/**
 * Tabs that share a socket: how they start, and what they receive when they return. Node has Web Locks and
 * BroadcastChannel, so each connection here acts as a tab. The page lifecycle is tested in a browser.
 */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

afterEach(() => {
  vi.unstubAllGlobals();
});
interface Tab {
  getToken?: GetToken;
  storage?: PositionStorage;
  tuning?: OrderOptions["tuning"];
}
const tuning = { connectTimeoutMs: 2000, firstBackoffMs: 100, minRetryMs: 100 };
const tab = (id: string, { getToken = mintToken, ...options }: Tab = {}) =>
  listenToOrder(service.url, id, { shared: sharedTabs(), getToken, tuning, ...options });
const listen = async (getToken: GetToken) => tab(await registerOrderAt(service.url), { getToken });
const connections = async () => {
  const health = (await (await callService(service.url, "GET", "ws/health")).json()) as { total_connections: number };
  return health.total_connections;
};
const ship = (id: string) => publishAt(service.url, `orders/${id}`, "order_shipped", { carrier: "UPS" });
const deliver = (id: string) => publishAt(service.url, `orders/${id}`, "order_delivered", {});

test("when a token is late, it is used, and then the socket is shared", async () => {
  const id = await registerOrderAt(service.url);
  const { promise: token, resolve } = Promise.withResolvers<string>();
  const first = tab(id, { getToken: () => token, tuning: { connectTimeoutMs: 500 } });
  await eventually(() => expect(first.received.status).toMatchObject({ cause: { name: "no_token" } }));
  resolve(await mintToken());
  await first.received.reaches("live");
  const second = tab(id);
  await second.received.reaches("live");
  await eventually(async () => expect(await connections()).toBe(1));
  await ship(id);
  for (const { received } of [first, second]) {
    await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
    expect(received.gaps).toEqual([]);
  }
});

test("a connection that is closed and reopened before its token arrives has one socket", async () => {
  let calls = 0;
  const { promise: isDown, reject: fail } = Promise.withResolvers<string>();
  const { connection, received } = await listen(() => (++calls <= 2 ? isDown : mintToken()));
  connection.close();
  connection.reconnect();
  fail(new Error("the shop's backend is down"));
  await received.reaches("live");
  await eventually(async () => expect(await connections()).toBe(1));
});

test("a connection that waits for a token without a socket says so: neither live nor closed", async () => {
  const id = await registerOrderAt(service.url);
  const late = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  let calls = 0;
  const getToken = () => late[calls++]?.promise ?? mintToken();
  const { connection, received } = tab(id, { getToken, tuning: { connectTimeoutMs: 2000 } });
  await eventually(() => expect(received.status).toMatchObject({ cause: { name: "no_token" } }));
  late[0]?.resolve(await mintToken());
  // The tab's own socket is closed as soon as it is live, to share one.
  await eventually(() => expect(calls).toBe(2));
  expect(connection.status).toEqual({ state: "recovering", isStale: false });
  late[1]?.resolve(await mintToken());
  await received.reaches("live");
  connection.close();
  connection.reconnect();
  expect(connection.status).toEqual({ state: "recovering", isStale: true });
  await received.reaches("live");
});

test("where the browser forbids BroadcastChannel, each tab has its own socket", async () => {
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
  for (const { received } of tabs) await received.reaches("live");
  await ship(id);
  for (const { received } of tabs) await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
});

test("a returning tab that missed events the others lack fetches them from the service, without a gap", async () => {
  const id = await registerOrderAt(service.url);
  const first = tab(id);
  await first.received.reaches("live");
  await ship(id);
  await eventually(() => expect(seqsOf(first.received.events)).toEqual([1]));
  first.connection.close();
  for (let i = 0; i < 3; i++) await ship(id);
  const second = tab(id);
  await second.received.reaches("live");
  await ship(id);
  await eventually(() => expect(seqsOf(second.received.events)).toEqual([5]));
  first.connection.reconnect();
  await eventually(() => expect(seqsOf(first.received.events)).toEqual(upTo(5)));
  await first.received.reaches("live");
  await eventually(async () => expect(await connections()).toBe(1));
  await ship(id);
  for (const { received } of [first, second]) await eventually(() => expect(received.events.at(-1)?.seq).toBe(6));
  expect(seqsOf(first.received.events)).toEqual(upTo(6));
  expect([first, second].flatMap(({ received }) => received.gaps)).toEqual([]);
});

test("a reloaded tab receives the current state of the order and no event twice", async () => {
  const id = await registerOrderAt(service.url);
  const first = tab(id);
  await first.received.reaches("live");
  const storage = memoryStorage();
  const second = tab(id, { storage });
  await second.received.reaches("live");
  await ship(id);
  await deliver(id);
  await eventually(() => expect(seqsOf(second.received.events)).toEqual([1, 2]));
  second.connection.close();
  const reloaded = tab(id, { storage });
  await reloaded.received.reaches("live");
  expect(reloaded.received.snapshots).toMatchObject([{ current_status: "delivered", seq: 2, resumed: true }]);
  expect(reloaded.received.events).toEqual([]);
});

test("a reloaded page whose tab leads is not recovering, because it has not been live", async () => {
  const id = await registerOrderAt(service.url);
  const storage = memoryStorage();
  const before = tab(id, { storage });
  await before.received.reaches("live");
  await ship(id);
  await eventually(() => expect(seqsOf(before.received.events)).toEqual([1]));
  before.connection.close();
  const { received } = tab(id, { storage });
  await received.reaches("live");
  expect(received.snapshots).toMatchObject([{ seq: 1, resumed: true }]);
  expect(received.states).toEqual(["live"]);
});

test("a reloaded tab of a quiet product is live, and receives its next event", async () => {
  const shared = () => ({ shared: sharedTabs(), tuning, productIds: ["quiet"] });
  const storage = memoryStorage();
  const reload = () => {
    const listener = listenToProducts(service.url, { ...shared(), storage });
    return listener;
  };
  const publish = (product_id: string) => publishAt(service.url, "products", "product_deleted", { product_id });
  const first = reload();
  await first.received.reaches("live");
  await publish("quiet");
  await eventually(() => expect(first.received.events).toHaveLength(1));
  first.connection.close();
  await publish("busy");
  // Begins after what the stored position of the reloaded tab has reached.
  const other = listenToProducts(service.url, shared());
  await other.received.reaches("live");
  const reloaded = reload();
  await reloaded.received.reaches("live");
  await publish("quiet");
  for (const { received } of [other, reloaded]) {
    await eventually(() => expect(received.events).toHaveLength(1));
    expect(received.gaps).toEqual([]);
  }
  await eventually(async () => expect(await connections()).toBe(1));
});

test("a tab whose user changes never brings another user's updates to the tabs it leaves", async () => {
  const id = await registerOrderAt(service.url);
  let claims: Parameters<typeof mintToken>[0] = { subject: "alice" };
  const leader = tab(id, { getToken: () => mintToken(claims) });
  await leader.received.reaches("live");
  const follower = tab(id);
  await follower.received.reaches("live");
  claims = { subject: "carol" };
  leader.connection.reconnect();
  // Carol may not see alice's order. Alice's other tab takes over.
  expect((await leader.received.reaches("closed")).reason.name).toBe("access_denied");
  await ship(id);
  await eventually(() => expect(seqsOf(follower.received.events)).toEqual([1]));
  expect(leader.received.events).toEqual([]);
  await follower.received.reaches("live");
  expect(follower.received.states).not.toContain("closed");
  expect(follower.received.gaps).toEqual([]);
});

test("a follower whose user changes leaves, too", async () => {
  const id = await registerOrderAt(service.url);
  const leader = tab(id);
  await leader.received.reaches("live");
  let claims: Parameters<typeof mintToken>[0] = { subject: "alice" };
  const follower = tab(id, { getToken: () => mintToken(claims) });
  await follower.received.reaches("live");
  claims = { subject: "boss", role: "admin" };
  follower.connection.refreshToken();
  await eventually(() => expect(follower.received.gaps).toHaveLength(1));
  await follower.received.reaches("live");
  expect(follower.received.states).toEqual(["live", "recovering", "live"]);
  await eventually(async () => expect(await connections()).toBe(2));
  await ship(id);
  for (const { received } of [leader, follower]) await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
});

test("a leader with an expired token lets a tab with a good one lead", async () => {
  const id = await registerOrderAt(service.url);
  const expired = () => mintToken({ expiresIn: -1, claims: { jti: crypto.randomUUID() } });
  const first = tab(id, { getToken: expired });
  // Alone, it is closed like any connection.
  await first.received.reaches("closed");
  const second = tab(id);
  await second.received.reaches("live");
  await first.received.reaches("live");
  expect(second.received.states).not.toContain("closed");
  await ship(id);
  for (const { received } of [first, second]) await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
  await eventually(async () => expect(await connections()).toBe(1));
});

test("a leader whose getToken fails lets another tab lead", async () => {
  const id = await registerOrderAt(service.url);
  let isDown = false;
  const first = tab(id, { getToken: () => (isDown ? Promise.reject(new Error("down")) : mintToken()) });
  await first.received.reaches("live");
  const second = tab(id);
  await second.received.reaches("live");
  isDown = true;
  await service.restart();
  await ship(id);
  for (const { received } of [first, second]) await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
  expect([...first.received.states, ...second.received.states]).not.toContain("closed");
});

test("reconnect() in a follower brings its own token to a leader that has none", async () => {
  const id = await registerOrderAt(service.url);
  let isDown = false;
  const first = tab(id, { getToken: () => (isDown ? new Promise(() => {}) : mintToken()) });
  await first.received.reaches("live");
  const second = tab(id);
  await second.received.reaches("live");
  isDown = true;
  await service.restart();
  second.connection.reconnect();
  await ship(id);
  for (const { received } of [first, second]) await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
});
