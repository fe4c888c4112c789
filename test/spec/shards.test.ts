import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ConnectRequest, requestProductsSocket } from "../../src/channels/handshake.ts";
import { ProductsChannel } from "../../src/channels/products/products-channel.ts";
import { ProductsShard } from "../../src/channels/products/shards/products-shard.ts";
import type { Position } from "../../src/protocol/frames.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { productsObject, publish, serviceRequest } from "../support/service.ts";
import { forgetShards, registeredShards } from "../support/shards/sharded-channel.ts";
import { type Frame, TestSocket } from "../support/test-socket.ts";

/** The listeners of products at shards: a client notices nothing of them. */

const shard = (index = 0) => env.PRODUCTS_SHARD.getByName(`products/weur/${index}`);
const stock = (product_id: string) =>
  publish("products", { type: "inventory_updated", data: { product_id, new_quantity: 1 } });

const atRoot = <T>(action: (root: ProductsChannel) => T) =>
  runInDurableObject(productsObject() as unknown as DurableObjectStub<ProductsChannel>, action);

const open: TestSocket[] = [];
beforeEach(() => atRoot(({ core }) => Object.assign(core.config, { productsShards: 4 })));
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const socket of open.splice(0)) socket.close();
  await forgetShards(4);
});

interface Options {
  products?: string[] | null;
  resume?: Position | null;
  index?: number;
  subject?: string;
  speaksV1?: boolean;
}

function requestOf({ products = null, resume = null, subject = "alice", speaksV1 = true }: Options): ConnectRequest {
  return {
    identity: { subject, isAdmin: false, expiresAt: Date.now() + 600_000, orderId: null, ticketGeneration: null },
    speaksV1,
    products,
    resume,
    requestId: "test",
  };
}

/** Asks a shard for a socket. Returns it, or the refusal. */
async function ask(options: Options = {}) {
  const { answer } = await requestProductsSocket(shard(options.index), requestOf(options));
  if (!(answer instanceof Response)) return answer;
  const socket = new TestSocket(answer);
  open.push(socket);
  return socket;
}

/** Connects to a shard, and takes the first frame. */
async function listen(options: Options = {}): Promise<TestSocket & { first: Frame["data"] }> {
  const socket = await ask(options);
  if (!(socket instanceof TestSocket)) throw new Error(`refused: ${JSON.stringify(socket)}`);
  const { type, data } = await socket.frame();
  expect(type).toBe("connection_established");
  return Object.assign(socket, { first: data });
}

type Listening = Awaited<ReturnType<typeof listen>>;
const positionOf = ({ first }: { first: Frame["data"] }): Position => ({
  epoch: String(first.epoch),
  seq: Number(first.seq),
});

/** Takes the next events; a message may be an array of them. */
async function take(socket: TestSocket, count: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  while (frames.length < count) frames.push(...[JSON.parse(await socket.text())].flat());
  expect(frames).toHaveLength(count);
  return frames;
}
const seqsOf = (frames: Frame[]) => frames.map(({ seq }) => seq);

test("[promise 2] a listener at a shard hears every event in order, and none twice", async () => {
  const socket = await listen();
  const published: number[] = [];
  for (let n = 0; n < 5; n++) published.push(Number((await stock("p")).seq));
  expect(seqsOf(await take(socket, 5))).toEqual(published);
  expect(published[0]).toBe(Number(socket.first.seq) + 1);
});

test("a plain client receives one frame per message", async () => {
  const socket = await listen({ speaksV1: false });
  const events = Array.from({ length: 3 }, () => ({
    channel: "products",
    type: "product_updated",
    data: { product_id: "p" },
  }));
  await serviceRequest("POST", "/api/v1/publish/batch", { events });
  expect((await socket.frames(3)).map(({ type }) => type)).toEqual(Array(3).fill("product_updated"));
});

test("[promise 3] a client resumes at a shard with what it missed, also when the shard has to ask the root", async () => {
  const before = positionOf(await listen({ products: ["a"] }));
  const missed = await stock("a");
  await stock("b");
  const socket = await listen({ products: ["a"], resume: before, index: 1 });
  expect(socket.first.resumed).toBe(true);
  expect(seqsOf(await take(socket, 1))).toEqual([missed.seq]);
  const next = await stock("a");
  expect(seqsOf(await take(socket, 1))).toEqual([next.seq]);
});

test("clients that reconnect are admitted without asking the root", async () => {
  const first = await listen({ products: ["a"] });
  await stock("a");
  await take(first, 1);
  const join = vi.spyOn(ProductsChannel.prototype, "join");
  const again = await listen({ products: ["a"], resume: positionOf(first) });
  expect(again.first.resumed).toBe(true);
  await take(again, 1);
  expect(join).not.toHaveBeenCalled();
});

test("[promise 3] listeners that all lost their connections return to their shard without asking the root", async () => {
  const sockets = [await listen({ products: ["a"] }), await listen({ products: ["b"] })];
  await stock("a");
  const [report, pushes] = [vi.spyOn(ProductsChannel.prototype, "report"), vi.spyOn(ProductsShard.prototype, "take")];
  for (const socket of sockets) socket.close();
  await eventually(() => expect(report.mock.lastCall?.[0]).toMatchObject({ count: 0 }));
  const missed = await stock("b");
  await eventually(() => expect(pushes.mock.lastCall?.[0].frames).toMatchObject([{ seq: missed.seq }]));
  await pushes.mock.results.at(-1)?.value;
  const [join, fetch] = [vi.spyOn(ProductsChannel.prototype, "join"), vi.spyOn(ProductsChannel.prototype, "fetch")];
  const resumed = await listen({ products: ["b"], resume: positionOf(sockets[1] as Listening) });
  await listen({ products: ["a"] });
  expect(resumed.first.resumed).toBe(true);
  expect(seqsOf(await take(resumed, 1))).toEqual([missed.seq]);
  expect(join).not.toHaveBeenCalled();
  expect(fetch).not.toHaveBeenCalled();
  const next = await stock("b");
  expect(seqsOf(await take(resumed, 1))).toEqual([next.seq]);
});

test("a minute after its last listener has left, a shard is not called any more", async () => {
  stopClock();
  const socket = await listen({ products: ["a"] });
  const report = vi.spyOn(ProductsChannel.prototype, "report");
  socket.close();
  await eventually(() => expect(report.mock.lastCall?.[0]).toMatchObject({ count: 0 }));
  await Promise.all(report.mock.results.map(({ value }) => value));
  expect(await runDurableObjectAlarm(productsObject())).toBe(true);
  // Its listener may return.
  expect(await registeredShards()).toEqual(["products/weur/0"]);
  const alarm = await runInDurableObject(productsObject(), (_, { storage }) => storage.getAlarm());
  expect(alarm).toBe(Date.now() + 60_000);
  advanceClock(60_000);
  expect(await runDurableObjectAlarm(productsObject())).toBe(true);
  expect(await registeredShards()).toEqual([]);
});

test("[promise 2] a shard that hibernates keeps its listeners and loses nothing", async () => {
  const socket = await listen({ products: ["a"] });
  const one = await stock("a");
  await take(socket, 1);
  await evictDurableObject(shard());
  const two = await stock("a");
  expect(seqsOf(await take(socket, 1))).toEqual([two.seq]);
  const resumed = await listen({
    products: ["a"],
    resume: { epoch: String(socket.first.epoch), seq: Number(one.seq) },
  });
  expect(seqsOf(await take(resumed, 1))).toEqual([two.seq]);
});

test("[promise 2] a shard that hibernates before its first event keeps its listeners as well", async () => {
  const socket = await listen({ index: 3 });
  await evictDurableObject(shard(3));
  const { seq } = await stock("a");
  expect(seqsOf(await take(socket, 1))).toEqual([seq]);
});

test("[promise 2] a root that hibernates pushes on to the shards it had", async () => {
  const socket = await listen({ products: ["a"] });
  const published: (number | null)[] = [];
  for (let n = 0; n < 3; n++) {
    published.push((await stock("a")).seq);
    await take(socket, 1).then(([frame]) => expect(frame?.seq).toBe(published[n]));
    await evictDurableObject(productsObject());
  }
});

test("[promise 2] a lost answer leads to no duplicate and no gap", async () => {
  const socket = await listen();
  const execute = ProductsShard.prototype.take;
  let lost = 2;
  vi.spyOn(ProductsShard.prototype, "take").mockImplementation(async function (this: ProductsShard, request) {
    const answer = await execute.call(this, request);
    if (lost-- > 0) throw new Error("the answer is lost for the test");
    return answer;
  });
  const published = [(await stock("p")).seq, (await stock("p")).seq, (await stock("p")).seq];
  expect(seqsOf(await take(socket, 3))).toEqual(published);
  const last = await stock("p");
  expect(seqsOf(await take(socket, 1))).toEqual([last.seq]);
});

test("the last event before a crash of the root arrives with its alarm", async () => {
  const socket = await listen();
  await stock("p");
  await take(socket, 1);
  const failing = vi.spyOn(ProductsShard.prototype, "take").mockRejectedValue(new Error("unreachable for the test"));
  const last = await stock("p");
  await eventually(() => expect(failing).toHaveBeenCalled());
  await evictDurableObject(productsObject());
  failing.mockRestore();
  expect(await runDurableObjectAlarm(productsObject())).toBe(true);
  expect(seqsOf(await take(socket, 1))).toEqual([last.seq]);
  // Nothing is pending any more.
  const alarm = await runInDurableObject(productsObject(), (_, { storage }) => storage.getAlarm());
  expect(alarm).toBeGreaterThan(Date.now() + 3_600_000);
});

test("what is published within a quarter of a second is one push", async () => {
  const socket = await listen();
  const taken = vi.spyOn(ProductsShard.prototype, "take");
  for (let n = 0; n < 6; n++) await stock("p");
  await take(socket, 6);
  // The first event after a pause is pushed at once.
  expect(taken.mock.calls.length).toBeLessThanOrEqual(2);
});

describe("a shard that lacks events when the root wakes", () => {
  /** Lets the shard miss events, and forgets them at the root. */
  async function miss(events: { product_id: string }[]): Promise<void> {
    const failing = vi.spyOn(ProductsShard.prototype, "take").mockRejectedValue(new Error("unreachable for the test"));
    const batch = events.map((data) => ({ channel: "products", type: "product_updated", data }));
    expect((await serviceRequest("POST", "/api/v1/publish/batch", { events: batch })).status).toBe(200);
    await evictDurableObject(productsObject());
    failing.mockRestore();
  }

  test("is served from the log", async () => {
    const socket = await listen({ products: ["a"] });
    // More than one page of the log, and other products' events among them.
    await miss(Array.from({ length: 150 }, (_, n) => ({ product_id: n % 2 ? "a" : "b" })));
    const { seq } = await stock("a");
    const frames = await take(socket, 76);
    expect(frames.at(-1)?.seq).toBe(seq);
  });

  test("closes its sockets with 4200 if they have left the log", async () => {
    const socket = await listen();
    await miss(Array.from({ length: 1000 }, () => ({ product_id: "a" })));
    await stock("a");
    expect((await socket.closed()).code).toBe(4200);
  });
});

test("[promise 2] the position survives hibernation although the sockets that carried it have closed", async () => {
  const sockets: TestSocket[] = [];
  for (let n = 0; n < 10; n++) sockets.push(await listen());
  await stock("p");
  for (const socket of sockets) await take(socket, 1);
  for (const socket of sockets.splice(0, 9)) socket.close();
  await eventually(async () => expect(await shard().countListeners()).toBe(1));
  await evictDurableObject(shard());
  const { seq } = await stock("p");
  expect(seqsOf(await take(sockets[0] as TestSocket, 1))).toEqual([seq]);
});

test("a shard whose position is lost closes its sockets with 4200", async () => {
  const socket = await listen();
  await runInDurableObject(shard() as unknown as DurableObjectStub<undefined>, (_, ctx) => {
    for (const one of ctx.getWebSockets()) one.serializeAttachment({ ...one.deserializeAttachment(), head: null });
  });
  await evictDurableObject(shard());
  await shard().countListeners();
  expect((await socket.closed()).code).toBe(4200);
});

test("the root sends a client to the shards of its region, and serves one that found them full", async () => {
  const placed = async (fullOf: number | null) => {
    const { answer, plan } = await requestProductsSocket(productsObject(), {
      ...requestOf({}),
      placement: { region: "weur", fullOf },
    });
    if (answer instanceof Response) open.push(new TestSocket(answer));
    return { answer: answer instanceof Response ? "accepted" : answer, shards: plan?.shards };
  };
  expect(await placed(null)).toEqual({ answer: "planned", shards: { weur: 4 } });
  expect(await placed(4)).toEqual({ answer: "accepted", shards: { weur: 4 } });
});

test("without registered shards, a publish sets no alarm of its own and calls nobody", async () => {
  await stock("p");
  const taken = vi.spyOn(ProductsShard.prototype, "take");
  const before = await productsObject().usage();
  await stock("p");
  const after = await productsObject().usage();
  expect(after.rowsWritten - before.rowsWritten).toBe(2);
  expect(after.alarmsSet).toBe(before.alarmsSet);
  expect(taken).not.toHaveBeenCalled();
});

test("a shard is not called for products that none of its listeners wants", async () => {
  const socket = await listen({ products: ["wanted"] });
  const taken = vi.spyOn(ProductsShard.prototype, "take");
  for (let n = 0; n < 5; n++) await stock("other");
  expect(taken).not.toHaveBeenCalled();
  const { seq } = await stock("wanted");
  expect(seqsOf(await take(socket, 1))).toEqual([seq]);
  expect(taken).toHaveBeenCalledTimes(1);
});

test("subscribe is answered once later events of the products arrive", async () => {
  const socket = await listen({ products: ["a"] });
  await stock("b");
  socket.send(JSON.stringify({ type: "subscribe", product_ids: ["b"] }));
  const { type, data } = await socket.frame();
  expect(type).toBe("subscribed");
  expect(data).toMatchObject({ product_ids: ["b"], epoch: socket.first.epoch });
  const next = await stock("b");
  expect(next.seq).toBe(Number(data.seq) + 1);
  expect(seqsOf(await take(socket, 1))).toEqual([next.seq]);
});

test("a subscription that the root cannot confirm closes the socket with 4200", async () => {
  const socket = await listen({ products: ["a"] });
  vi.spyOn(ProductsChannel.prototype, "join").mockRejectedValue(new Error("unreachable for the test"));
  socket.send(JSON.stringify({ type: "subscribe", product_ids: ["b"] }));
  expect((await socket.closed()).code).toBe(4200);
});

test("[promise 3] a gap reaches every listener, whatever it filters; what was published before arrives first", async () => {
  const socket = await listen({ products: ["a"] });
  const other = await listen({ products: ["b"], index: 1 });
  // The second push waits for the end of the interval.
  const before = [await stock("a"), await stock("a")];
  await productsObject().declareGap(Date.now() + 1000);
  const after = await stock("a");
  expect(seqsOf(await take(socket, 2))).toEqual(before.map(({ seq }) => seq));
  for (const one of [socket, other]) {
    const { type, data } = await one.frame();
    expect(type).toBe("connection_established");
    expect(data.resumed).toBe(false);
    expect(data.epoch).not.toBe(socket.first.epoch);
  }
  expect(seqsOf(await take(socket, 1))).toEqual([after.seq]);
});

test("[promise 3] a gap that wakes the root reaches the shards at once, after what they still lack", async () => {
  const socket = await listen({ products: ["a"] });
  await stock("a");
  await take(socket, 1);
  const failing = vi.spyOn(ProductsShard.prototype, "take").mockRejectedValue(new Error("unreachable for the test"));
  const last = await stock("a");
  await evictDurableObject(productsObject());
  failing.mockRestore();
  await productsObject().declareGap(Date.now() + 1000);
  expect(seqsOf(await take(socket, 1))).toEqual([last.seq]);
  expect((await socket.frame()).data).toMatchObject({ resumed: false, seq: last.seq });
});

describe("[promise 3] an epoch that begins as the root wakes reaches the shards although nothing is published:", () => {
  test.each([
    ["a log that cannot be read", "UPDATE log SET ts = 'soon' WHERE seq = (SELECT max(seq) FROM log)"],
    ["a lost epoch", "DELETE FROM state WHERE name = 'channel'"],
  ])("%s", async (_, damage) => {
    const socket = await listen({ products: ["a"] });
    await stock("a");
    await take(socket, 1);
    await runInDurableObject(productsObject(), (_, { storage }) => {
      storage.sql.exec(damage);
    });
    await evictDurableObject(productsObject());
    await productsObject().usage();
    const { type, data } = await socket.frame();
    expect(type).toBe("connection_established");
    expect(data.resumed).toBe(false);
    const { seq } = await stock("a");
    expect(seqsOf(await take(socket, 1))).toEqual([seq]);
  });

  test("a raised STORAGE_GENERATION", async () => {
    const setGeneration = async (storageGeneration: number) => {
      await atRoot(({ core }) => Object.assign(core.config, { storageGeneration }));
      await evictDurableObject(productsObject());
      await productsObject().usage();
    };
    const socket = await listen({ products: ["a"] });
    await stock("a");
    await take(socket, 1);
    await setGeneration(1);
    expect((await socket.frame()).data).toMatchObject({ resumed: false, epoch: `${socket.first.epoch}-1` });
    await setGeneration(0);
    expect((await socket.frame()).data).toMatchObject({ resumed: false, epoch: socket.first.epoch });
  });
});

describe("disconnect", () => {
  const disconnect = (user_id?: string) =>
    serviceRequest("POST", "/api/v1/disconnect", { channel: "products", ...(user_id && { user_id }) });

  test("closes a user's sockets at every shard and counts them", async () => {
    const sockets = [await listen({ subject: "eve" }), await listen({ subject: "eve", index: 1 }), await listen()];
    const response = await disconnect("eve");
    expect(await response.json()).toEqual({ closed: 2 });
    for (const socket of sockets.slice(0, 2)) expect((await socket.closed()).code).toBe(4001);
    await stock("p");
    await take(sockets[2] as TestSocket, 1);
  });

  test("is answered 503 when a shard cannot be reached", async () => {
    await listen();
    vi.spyOn(ProductsShard.prototype, "disconnect").mockRejectedValue(new Error("unreachable for the test"));
    expect((await disconnect()).status).toBe(503);
  });

  test("refuses a client that began to connect before it", async () => {
    await listen({ products: ["known"] });
    const execute = ProductsChannel.prototype.join;
    vi.spyOn(ProductsChannel.prototype, "join").mockImplementation(async function (this: ProductsChannel, request) {
      const answer = await execute.call(this, request);
      expect((await disconnect("eve")).status).toBe(200);
      return answer;
    });
    expect(await ask({ subject: "eve", products: ["new"] })).toMatchObject({ reason: "disconnected" });
  });
});

test("a shard outside the plan refuses, stores nothing, and closes its sockets with 4200", async () => {
  const socket = await listen({ index: 1 });
  await atRoot(({ core }) => Object.assign(core.config, { productsShards: 1 }));
  // The root learns the setting when it wakes.
  await evictDurableObject(productsObject());
  expect(await ask({ index: 2 })).toBe("full");
  expect((await socket.closed()).code).toBe(4200);
  expect(await ask({ index: 1 })).toBe("full");
});

test("a connection and an event write no row at a shard, and a registration one at the root", async () => {
  await stock("p");
  const before = await productsObject().usage();
  const socket = await listen();
  expect((await productsObject().usage()).rowsWritten - before.rowsWritten).toBeLessThanOrEqual(2);
  const registered = await productsObject().usage();
  await listen();
  await listen({ products: ["q"] });
  expect((await productsObject().usage()).rowsWritten).toBe(registered.rowsWritten);
  await stock("p");
  await take(socket, 1);
  const tables = await runInDurableObject(shard(), (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'").toArray(),
  );
  expect(tables).toEqual([]);
});

test("receivers counts the listeners of shards whose interest matches", async () => {
  const sockets = [await listen({ products: ["a"] }), await listen({ products: ["a"] })];
  await stock("a");
  for (const socket of sockets) await take(socket, 1);
  expect((await stock("a")).receivers).toBe(2);
  expect((await stock("b")).receivers).toBe(0);
});

test("a shard whose object was replaced elsewhere is told so, and closes its sockets with 4200", async () => {
  const socket = await listen({ products: ["a"] });
  const answer = await productsObject().join({
    version: 1,
    shard: "products/weur/0",
    incarnation: "the object that replaced it",
    interest: { version: 1, products: ["a"] },
    resume: null,
    count: 0,
  });
  expect(answer.status).toBe("joined");
  // The old object wants something of the root.
  expect(await ask({ products: ["new"] })).toBe("full");
  expect((await socket.closed()).code).toBe(4200);
});
