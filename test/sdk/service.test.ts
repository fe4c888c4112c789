import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, listenToProducts, memoryStorage, publishAt, seqsOf, upTo } from "./support/listener.ts";

/** The SDK against the service, over real sockets. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

const open: { close(): void }[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});
const order = (id: string, options: Parameters<typeof listenToOrder>[2] = {}) => {
  const listener = listenToOrder(service.url, id, options);
  open.push(listener.connection);
  return listener;
};
const products = (options: Parameters<typeof listenToProducts>[1] = {}) => {
  const listener = listenToProducts(service.url, options);
  open.push(listener.connection);
  return listener;
};
const ship = (id: string) => publishAt(service.url, `orders/${id}`, "order_shipped", { carrier: "UPS" });
const stock = (product_id: string) =>
  publishAt(service.url, "products", "inventory_updated", { product_id, new_quantity: 5 });

describe("listening to an order", () => {
  test("tells how it stands, then every event", async () => {
    const id = await registerOrderAt(service.url);
    const { connection, heard } = order(id.toUpperCase());
    expect(await heard.reaches("live")).toEqual({ state: "live", isStale: false, recovered: false });
    expect(heard.snapshots).toEqual([
      expect.objectContaining({ order_id: id, current_status: "pending", seq: 0, resumed: null }),
    ]);
    await ship(id);
    await eventually(() => expect(heard.events).toHaveLength(1));
    expect(heard.events[0]).toMatchObject({ type: "order_shipped", seq: 1, data: { order_id: id, carrier: "UPS" } });
    expect(connection.position).toEqual({ epoch: heard.snapshots[0]?.epoch, seq: 1 });
    expect(connection.lagMs).toBeGreaterThanOrEqual(0);
    expect(heard.gaps).toEqual([]);
  });

  test("nothing is heard after close until it is begun anew, and the service forgets the socket", async () => {
    const id = await registerOrderAt(service.url);
    const { connection, heard } = order(id);
    await heard.reaches("live");
    connection.close();
    expect(connection.status).toMatchObject({ state: "closed", reason: { code: 1000, userMustAct: false } });
    const { receivers } = (await (
      await callService(service.url, "POST", `publish/orders/${id}`, { type: "order_shipped", data: {} })
    ).json()) as { receivers: number };
    expect(receivers).toBe(0);
    // Whoever tells of a new token may not know that it is closed.
    connection.refreshToken();
    await ship(id);
    expect(connection.status.state).toBe("closed");
    connection.reconnect();
    expect(await heard.reaches("live")).toMatchObject({ recovered: true });
    await eventually(() => expect(seqsOf(heard.events)).toEqual([1, 2]));
  });

  test("the position is that of the last event told, also within a message of many", async () => {
    const id = await registerOrderAt(service.url);
    const storage = memoryStorage();
    const told: { seq: number; position: number | undefined; stored: number }[] = [];
    const { connection, heard } = order(id, {
      storage,
      onEvent({ seq }) {
        const [stored = "{}"] = storage.kept.values();
        told.push({ seq, position: connection.position?.seq, stored: JSON.parse(stored).seq });
        // What is behind it in the same message comes after the next connect.
        if (seq === 3) connection.close();
      },
    });
    await heard.reaches("live");
    const events = upTo(10).map(() => ({ channel: `order_${id}`, type: "order_shipped", data: {} }));
    await callService(service.url, "POST", "publish/batch", { events });
    await heard.reaches("closed");
    connection.reconnect();
    await eventually(() => expect(seqsOf(told)).toEqual(upTo(10)));
    for (const { seq, position, stored } of told)
      expect({ seq, position, stored }).toEqual({ seq, position: seq, stored: seq - 1 });
    expect(heard.gaps).toEqual([]);
  });

  test("what the shop says instead of a token, such as an error page, ends nothing", async () => {
    const id = await registerOrderAt(service.url);
    // The last one is what a page gets that takes `token` from an answer without it, where no compiler looks.
    const noToken = undefined as unknown as string;
    const answers = ["<html>503 Service Unavailable</html>", "", noToken, mintToken, '{"detail":"no"}', mintToken];
    const getToken = vi.fn(async () => {
      const answer = answers.shift();
      return typeof answer === "function" ? answer() : (answer ?? noToken);
    });
    const { connection, heard } = order(id, { getToken, tuning: { refreshLeadMs: 100 } });
    await heard.reaches("live");
    connection.refreshToken();
    await eventually(() => expect(getToken).toHaveBeenCalledTimes(6));
    await ship(id);
    await eventually(() => expect(heard.events).toHaveLength(1));
    expect(heard.states).toEqual(["live"]);
  });

  test("refusals that a retry cannot mend stop it, and say what they are", async () => {
    const id = await registerOrderAt(service.url, "bob");
    const strange = order(id);
    expect((await strange.heard.reaches("closed")).reason).toEqual({
      code: 4003,
      name: "access_denied",
      message: "Access denied",
      userMustAct: true,
    });
    const missing = order(crypto.randomUUID());
    expect((await missing.heard.reaches("closed")).reason).toMatchObject({ code: 4004, userMustAct: false });
  });
});

describe("coming back", () => {
  test("after kill -9 with events published meanwhile: none missed, none twice", async () => {
    const id = await registerOrderAt(service.url);
    const { heard } = order(id);
    await heard.reaches("live");
    await ship(id);
    await eventually(() => expect(heard.events).toHaveLength(1));
    await service.restart();
    for (let i = 0; i < 5; i++) await ship(id);
    await eventually(() => expect(heard.events).toHaveLength(6));
    await ship(id);
    await eventually(() => expect(seqsOf(heard.events)).toEqual(upTo(7)));
    expect(await heard.reaches("live")).toMatchObject({ recovered: true });
    expect(heard.states).toEqual(["live", "recovering", "live"]);
    expect(heard.gaps).toEqual([]);
  });

  test("before the first event, too: the position of the first frame is asked for", async () => {
    const id = await registerOrderAt(service.url);
    const { heard } = order(id);
    await heard.reaches("live");
    await service.kill();
    await service.restart();
    await ship(id);
    await eventually(() => expect(seqsOf(heard.events)).toEqual([1]));
  });

  test("when the device's clock is set back an hour meanwhile", async () => {
    const id = await registerOrderAt(service.url);
    const { heard } = order(id, { token: await mintToken(), getToken: undefined });
    await heard.reaches("live");
    await service.kill();
    await heard.reaches("recovering");
    const { now } = Date;
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(Date, "now").mockImplementation(() => now() - 3_600_000);
    await service.restart();
    await heard.reaches("live");
  });

  test("in another page, with the position that was stored", async () => {
    const id = await registerOrderAt(service.url);
    const kept = new Map<string, string>();
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: kept.set.bind(kept) };
    const first = order(id, { storage });
    await first.heard.reaches("live");
    first.connection.close();
    await ship(id);
    const second = order(id, { storage });
    expect(await second.heard.reaches("live")).toMatchObject({ recovered: true });
    expect(seqsOf(second.heard.events)).toEqual([1]);
    expect(JSON.stringify([...kept])).not.toContain(await mintToken());
  });

  test("with a position of another epoch: the gap is told, and how things stand", async () => {
    const id = await registerOrderAt(service.url);
    await ship(id);
    const { heard } = order(id, { position: { epoch: "gone", seq: 7 } });
    await heard.reaches("live");
    expect(heard.gaps).toEqual([{ from: { epoch: "gone", seq: 7 }, to: { epoch: heard.snapshots[0]?.epoch, seq: 1 } }]);
    expect(heard.snapshots[0]).toMatchObject({ current_status: "shipped", resumed: false });
  });
});

describe("listening to products", () => {
  test("a filter can grow and shrink, and outlives a reconnect", async () => {
    const { connection, heard } = products({ productIds: ["a"] });
    await heard.reaches("live");
    const hears = async (expected: string[]) => {
      const before = heard.events.length;
      for (const product of ["a", "b", "c"]) await stock(product);
      const heardOf = () => heard.events.slice(before).map(({ data }) => data.product_id);
      await eventually(() => expect(heardOf()).toEqual(expected));
    };
    // A message of the client has no answer; its effect is what can be seen.
    const untilHeard = (product: string) =>
      eventually(async () => {
        const seq = await stock(product);
        await vi.waitFor(() => expect(heard.events.at(-1)?.seq).toBe(seq), { timeout: 500 });
      });
    await hears(["a"]);
    connection.subscribe(["c"]);
    await untilHeard("c");
    await hears(["a", "c"]);
    connection.unsubscribe(["a"]);
    await hears(["c"]);
    const comesBack = async () => {
      const lives = heard.states.filter((state) => state === "live").length;
      await service.restart();
      await eventually(() => expect(heard.states.filter((state) => state === "live").length).toBeGreaterThan(lives));
    };
    await comesBack();
    await hears(["c"]);
    // Nothing is left; and nothing is heard of what happens until something is asked for again.
    connection.unsubscribe(["c"]);
    await comesBack();
    for (const product of ["a", "b", "c", "-"]) await stock(product);
    const before = heard.events.length;
    connection.subscribe(["b"]);
    await untilHeard("b");
    expect(new Set(heard.events.slice(before).map(({ data }) => data.product_id))).toEqual(new Set(["b"]));
    expect(heard.gaps).toEqual([]);
  });

  test("whose filter was quiet while more happened than the history has: it resumes all the same", async () => {
    const storage = memoryStorage();
    const { connection, heard } = products({ productIds: ["quiet"], storage });
    await heard.reaches("live");
    const busy = Array.from({ length: 600 }, () => ({
      ...{ channel: "products", type: "product_updated", data: { product_id: "busy" } },
    }));
    for (let i = 0; i < 2; i++) await callService(service.url, "POST", "publish/batch", { events: busy });
    await eventually(() => expect(connection.position?.seq).toBeGreaterThan(1000));
    await service.restart();
    const seq = await stock("quiet");
    await eventually(() => expect(seqsOf(heard.events)).toEqual([seq]));
    await eventually(() => expect(heard.status).toMatchObject({ state: "live", recovered: true }));
    expect(heard.gaps).toEqual([]);
    // The page is loaded anew.
    for (let i = 0; i < 2; i++) await callService(service.url, "POST", "publish/batch", { events: busy });
    await eventually(() => expect(connection.position?.seq).toBeGreaterThan(seq + 1000));
    connection.close();
    const reloaded = products({ productIds: ["quiet"], storage });
    expect(await reloaded.heard.reaches("live")).toMatchObject({ recovered: true });
    expect(reloaded.heard.gaps).toEqual([]);
  });

  test("positions of different filters are kept apart", async () => {
    const storage = memoryStorage();
    const [a, b] = [products({ productIds: ["a"], storage }), products({ productIds: ["b"], storage })];
    await Promise.all([a.heard.reaches("live"), b.heard.reaches("live")]);
    a.connection.close();
    const missed = await stock("a");
    const heard = await stock("b");
    await eventually(() => expect(seqsOf(b.heard.events)).toEqual([heard]));
    const reloaded = products({ productIds: ["a"], storage });
    await eventually(() => expect(seqsOf(reloaded.heard.events)).toEqual([missed]));
    expect(reloaded.heard.gaps).toEqual([]);
  });

  test("more than 50 products are refused at once", () => {
    expect(() => products({ productIds: upTo(51).map(String) })).toThrow(RangeError);
  });
});

test("who began with no product may take as many as a filter has", async () => {
  const { connection, heard } = listenToProducts(service.url, { productIds: [] });
  await heard.reaches("live");
  const ids = Array.from({ length: 50 }, (_, i) => `full-${i}`);
  connection.subscribe(ids);
  await eventually(async () => {
    await publishAt(service.url, "products", "product_deleted", { product_id: "full-49" });
    expect(heard.events.length).toBeGreaterThan(0);
  });
  expect(heard.states).toEqual(["live"]);
  connection.close();
});
