import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, listenToProducts, memoryStorage, publishAt, seqsOf, upTo } from "./support/listener.ts";

/** The SDK against the real service, over real sockets. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

const tuning = { firstBackoffMs: 50, minRetryMs: 50 };
const order = (id: string, options: Parameters<typeof listenToOrder>[2] = {}) =>
  listenToOrder(service.url, id, { tuning, ...options });
const products = (options: Parameters<typeof listenToProducts>[1] = {}) =>
  listenToProducts(service.url, { tuning, ...options });
const ship = (id: string) => publishAt(service.url, `orders/${id}`, "order_shipped", { carrier: "UPS" });
const stock = (product_id: string | number) =>
  publishAt(service.url, "products", "inventory_updated", { product_id, new_quantity: 5 });

test("a connection that conflates receives the newest of what is sent together, and keeps its position", async () => {
  const { connection, received } = products({ conflate: true });
  await received.reaches("live");
  const events = ["a", "a", "b", "a"].map((product_id, new_quantity) => ({
    ...{ channel: "products", type: "inventory_updated" },
    data: { product_id: `conflated-${product_id}`, new_quantity },
  }));
  const response = await callService(service.url, "POST", "publish/batch", { events });
  const { results } = (await response.json()) as { results: { seq: number }[] };
  await eventually(() => expect(seqsOf(received.events)).toEqual([results[2]?.seq, results[3]?.seq]));
  expect(connection.position?.seq).toBe(results[3]?.seq);
  expect(connection.status).toEqual({ state: "live", isStale: false, recovered: false });
  expect(received.gaps).toEqual([]);
});

describe("listening to an order", () => {
  test("delivers the current state, then every event", async () => {
    const id = await registerOrderAt(service.url);
    const { connection, received } = order(id.toUpperCase());
    expect(await received.reaches("live")).toEqual({ state: "live", isStale: false, recovered: false });
    expect(received.snapshots).toEqual([
      expect.objectContaining({ order_id: id, current_status: "pending", seq: 0, resumed: null }),
    ]);
    await ship(id);
    await eventually(() => expect(received.events).toHaveLength(1));
    expect(received.events[0]).toMatchObject({ type: "order_shipped", seq: 1, data: { order_id: id, carrier: "UPS" } });
    expect(connection.position).toEqual({ epoch: received.snapshots[0]?.epoch, seq: 1 });
    expect(connection.lagMs).toBeGreaterThanOrEqual(0);
    expect(received.gaps).toEqual([]);
  });

  test("delivers events of the types that the shop declares", async () => {
    const id = await registerOrderAt(service.url);
    const { received } = order(id);
    await received.reaches("live");
    const data = { amount: 5, new_status: "refunded" };
    await publishAt(service.url, `orders/${id}`, "order_refunded", data);
    await eventually(() =>
      expect(received.events).toMatchObject([{ type: "order_refunded", data: { ...data, order_id: id }, seq: 1 }]),
    );
    expect(received.gaps).toEqual([]);
  });

  test("close() ends delivery until reconnect(), and the service removes the socket", async () => {
    const id = await registerOrderAt(service.url);
    const { connection, received } = order(id);
    await received.reaches("live");
    connection.close();
    expect(connection.status).toMatchObject({ state: "closed", reason: { code: 1000, userMustAct: false } });
    const { receivers } = (await (
      await callService(service.url, "POST", `publish/orders/${id}`, { type: "order_shipped", data: {} })
    ).json()) as { receivers: number };
    expect(receivers).toBe(0);
    // The code that refreshes tokens may not know that the connection is closed.
    connection.refreshToken();
    await ship(id);
    expect(connection.status.state).toBe("closed");
    connection.reconnect();
    expect(await received.reaches("live")).toMatchObject({ recovered: true });
    await eventually(() => expect(seqsOf(received.events)).toEqual([1, 2]));
  });

  test("the position is that of the last event delivered, even within a message of many", async () => {
    const id = await registerOrderAt(service.url);
    const storage = memoryStorage();
    const delivered: { seq: number; position: number | undefined; stored: number }[] = [];
    const { connection, received } = order(id, {
      storage,
      onEvent({ seq }) {
        const [stored = "{}"] = storage.kept.values();
        delivered.push({ seq, position: connection.position?.seq, stored: JSON.parse(stored).seq });
        // The rest of the message is delivered after the next connect.
        if (seq === 3) connection.close();
      },
    });
    await received.reaches("live");
    const events = upTo(10).map(() => ({ channel: `order_${id}`, type: "order_shipped", data: {} }));
    await callService(service.url, "POST", "publish/batch", { events });
    await received.reaches("closed");
    connection.reconnect();
    await eventually(() => expect(seqsOf(delivered)).toEqual(upTo(10)));
    for (const { seq, position, stored } of delivered)
      expect({ seq, position, stored }).toEqual({ seq, position: seq, stored: seq - 1 });
    expect(received.gaps).toEqual([]);
  });

  test("anything but a token from getToken, such as an error page, is retried", async () => {
    const id = await registerOrderAt(service.url);
    // `undefined` is what untyped code gets from `answer.token` if the answer has no token.
    const noToken = undefined as unknown as string;
    const answers = ["<html>503 Service Unavailable</html>", "", noToken, mintToken, '{"detail":"no"}', mintToken];
    const getToken = vi.fn(async () => {
      const answer = answers.shift();
      return typeof answer === "function" ? answer() : (answer ?? noToken);
    });
    const { connection, received } = order(id, { getToken, tuning: { ...tuning, refreshLeadMs: 100 } });
    await received.reaches("live");
    connection.refreshToken();
    await eventually(() => expect(getToken).toHaveBeenCalledTimes(6));
    await ship(id);
    await eventually(() => expect(received.events).toHaveLength(1));
    expect(received.states).toEqual(["connecting", "live"]);
  });

  test("final refusals close the connection with their reason", async () => {
    const id = await registerOrderAt(service.url, "bob");
    const foreign = order(id);
    expect((await foreign.received.reaches("closed")).reason).toEqual({
      code: 4003,
      name: "access_denied",
      message: "Access denied",
      userMustAct: true,
    });
    const missing = order(crypto.randomUUID());
    expect((await missing.received.reaches("closed")).reason).toMatchObject({ code: 4004, userMustAct: false });
  });
});

describe("a reconnect", () => {
  test("after kill -9 delivers the events published meanwhile, once", async () => {
    const id = await registerOrderAt(service.url);
    const { received } = order(id);
    await received.reaches("live");
    await ship(id);
    await eventually(() => expect(received.events).toHaveLength(1));
    await service.restart();
    for (let i = 0; i < 5; i++) await ship(id);
    await eventually(() => expect(received.events).toHaveLength(6));
    await ship(id);
    await eventually(() => expect(seqsOf(received.events)).toEqual(upTo(7)));
    expect(await received.reaches("live")).toMatchObject({ recovered: true });
    expect(received.states).toEqual(["live", "recovering", "live"]);
    expect(received.gaps).toEqual([]);
  });

  test("before the first event continues from the position of the first frame", async () => {
    const id = await registerOrderAt(service.url);
    const { received } = order(id);
    await received.reaches("live");
    await service.kill();
    await service.restart();
    await ship(id);
    await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
  });

  test("is not delayed when the device's clock is set back an hour", async () => {
    const id = await registerOrderAt(service.url);
    const { received } = order(id, { token: await mintToken(), getToken: undefined });
    await received.reaches("live");
    await service.kill();
    await received.reaches("recovering");
    const { now } = Date;
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(Date, "now").mockImplementation(() => now() - 3_600_000);
    await service.restart();
    await received.reaches("live");
  });

  test("in another page continues from the stored position", async () => {
    const id = await registerOrderAt(service.url);
    const kept = new Map<string, string>();
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: kept.set.bind(kept) };
    const first = order(id, { storage });
    await first.received.reaches("live");
    first.connection.close();
    await ship(id);
    const second = order(id, { storage });
    expect(await second.received.reaches("live")).toMatchObject({ recovered: true });
    expect(seqsOf(second.received.events)).toEqual([1]);
    expect(JSON.stringify([...kept])).not.toContain(await mintToken());
  });

  test("with a position of another epoch reports a gap and the current state", async () => {
    const id = await registerOrderAt(service.url);
    await ship(id);
    const { received } = order(id, { position: { epoch: "gone", seq: 7 } });
    await received.reaches("live");
    expect(received.gaps).toEqual([
      { from: { epoch: "gone", seq: 7 }, to: { epoch: received.snapshots[0]?.epoch, seq: 1 } },
    ]);
    expect(received.snapshots[0]).toMatchObject({ current_status: "shipped", resumed: false });
  });
});

describe("listening to products", () => {
  test("a filter can grow and shrink, and survives a reconnect", async () => {
    const { connection, received } = products({ productIds: ["a"] });
    await received.reaches("live");
    const receives = async (expected: string[]) => {
      const before = received.events.length;
      for (const product of ["a", "b", "c"]) await stock(product);
      const receivedProducts = () => received.events.slice(before).map(({ data }) => data.product_id);
      await eventually(() => expect(receivedProducts()).toEqual(expected));
    };
    // The service does not acknowledge filter changes; only their effect is visible.
    const untilReceived = (product: string) =>
      eventually(async () => {
        const seq = await stock(product);
        await vi.waitFor(() => expect(received.events.at(-1)?.seq).toBe(seq), { timeout: 500 });
      });
    await receives(["a"]);
    connection.subscribe(["c"]);
    await untilReceived("c");
    await receives(["a", "c"]);
    connection.unsubscribe(["a"]);
    await receives(["c"]);
    const reconnects = async () => {
      const lives = received.states.filter((state) => state === "live").length;
      await service.restart();
      await eventually(() => expect(received.states.filter((state) => state === "live").length).toBeGreaterThan(lives));
    };
    await reconnects();
    await receives(["c"]);
    // With an empty filter, nothing is received until a product is added.
    connection.unsubscribe(["c"]);
    await reconnects();
    for (const product of ["a", "b", "c", "-"]) await stock(product);
    const before = received.events.length;
    connection.subscribe(["b"]);
    await untilReceived("b");
    expect(new Set(received.events.slice(before).map(({ data }) => data.product_id))).toEqual(new Set(["b"]));
    expect(received.gaps).toEqual([]);
  });

  test("a filter takes product ids as integers, which are the same ids as their text", async () => {
    const { connection, received } = products({ productIds: [41, "42"] });
    await received.reaches("live");
    connection.unsubscribe([42]);
    connection.subscribe(["43"]);
    // The changes reach the service a moment later, together.
    await eventually(async () => {
      const seq = await stock(43);
      await vi.waitFor(() => expect(received.events.at(-1)?.seq).toBe(seq), { timeout: 500 });
    });
    const before = received.events.length;
    for (const product of ["042", "42", 41, 43]) await stock(product);
    await eventually(() => expect(received.events.slice(before).map(({ data }) => data.product_id)).toEqual([41, 43]));
  });

  test("with a quiet filter resume even after more events than the history keeps", async () => {
    const storage = memoryStorage();
    const { connection, received } = products({ productIds: ["quiet"], storage });
    await received.reaches("live");
    const busy = Array.from({ length: 600 }, () => ({
      ...{ channel: "products", type: "product_updated", data: { product_id: "busy" } },
    }));
    for (let i = 0; i < 2; i++) await callService(service.url, "POST", "publish/batch", { events: busy });
    await service.restart();
    const seq = await stock("quiet");
    await eventually(() => expect(seqsOf(received.events)).toEqual([seq]));
    await eventually(() => expect(received.status).toMatchObject({ state: "live", recovered: true }));
    expect(received.gaps).toEqual([]);
    // The page is reloaded.
    for (let i = 0; i < 2; i++) await callService(service.url, "POST", "publish/batch", { events: busy });
    connection.close();
    const reloaded = products({ productIds: ["quiet"], storage });
    expect(await reloaded.received.reaches("live")).toMatchObject({ recovered: true });
    expect(reloaded.received.gaps).toEqual([]);
  });

  test("may have any characters in their ids, before and after a reconnect", async () => {
    const ids = ["SKU,1", "50%", "a b+c&d=e#f", "é🍵"];
    const { received } = products({ productIds: ids });
    await received.reaches("live");
    for (const id of ids) await stock(id);
    await eventually(() => expect(received.events).toHaveLength(ids.length));
    await service.restart();
    for (const id of ["SKU", "1", ...ids]) await stock(id);
    await eventually(() => expect(received.events).toHaveLength(2 * ids.length));
    expect(received.events.map(({ data }) => data.product_id)).toEqual([...ids, ...ids]);
    expect(received.gaps).toEqual([]);
  });

  test("positions of different filters are stored separately", async () => {
    const storage = memoryStorage();
    const [a, b] = [products({ productIds: ["a"], storage }), products({ productIds: ["b"], storage })];
    await Promise.all([a.received.reaches("live"), b.received.reaches("live")]);
    a.connection.close();
    const missed = await stock("a");
    const received = await stock("b");
    await eventually(() => expect(seqsOf(b.received.events)).toEqual([received]));
    const reloaded = products({ productIds: ["a"], storage });
    await eventually(() => expect(seqsOf(reloaded.received.events)).toEqual([missed]));
    expect(reloaded.received.gaps).toEqual([]);
  });

  test("more than 50 products throw", () => {
    expect(() => products({ productIds: upTo(51).map(String) })).toThrow(RangeError);
  });
});

test("a connection that started with an empty filter may add 50 products", async () => {
  const { connection, received } = listenToProducts(service.url, { productIds: [] });
  await received.reaches("live");
  const ids = Array.from({ length: 50 }, (_, i) => `full-${i}`);
  connection.subscribe(ids);
  await eventually(async () => {
    await publishAt(service.url, "products", "product_deleted", { product_id: "full-49" });
    expect(received.events.length).toBeGreaterThan(0);
  });
  expect(received.states).toEqual(["live"]);
  connection.close();
});
