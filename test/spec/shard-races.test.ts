import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ConnectRequest, requestProductsSocket } from "../../src/channels/handshake.ts";
import { Outgoing } from "../../src/channels/listeners/outgoing.ts";
import { ProductsChannel } from "../../src/channels/products/products-channel.ts";
import { SHARD_PROTOCOL_VERSION, type TakeRequest } from "../../src/channels/products/shards/contract.ts";
import { ProductsShard } from "../../src/channels/products/shards/products-shard.ts";
import { MAX_SHARD_MESSAGES_PER_SECOND } from "../../src/protocol/shards.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { productsObject, publish } from "../support/service.ts";
import { atRoot, atShard, evict, kill, listenFrom, setShards, shardObject } from "../support/shards/sharded-channel.ts";
import { TestSocket } from "../support/test-socket.ts";

/** Calls between the root and a shard that overtake each other. */

const publishUpdate = (product_id: string) => publish("products", { type: "product_updated", data: { product_id } });
const shard = shardObject("EU", 0);

beforeEach(() => setShards(1));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Holds the root's answers to requests to join until `release` is called. */
function holdJoins(): { held: () => number; release: () => void } {
  const join = ProductsChannel.prototype.join;
  let [held, isHolding] = [0, true];
  vi.spyOn(ProductsChannel.prototype, "join").mockImplementation(async function (this: ProductsChannel, request) {
    const answer = await join.call(this, request);
    held++;
    // An object cannot await what another context resolves.
    while (isHolding) await scheduler.wait(5);
    return answer;
  });
  return {
    held: () => held,
    release: () => {
      isHolding = false;
    },
  };
}

async function subscribe(socket: TestSocket, product: string): Promise<void> {
  socket.send(JSON.stringify({ type: "subscribe", product_ids: [product] }));
}

test("[promise 2] a shard whose last listener leaves while it subscribes still receives events for the next one", async () => {
  stopClock();
  const { socket } = await listenFrom({ speaksV1: true, products: ["a"] });
  const joins = holdJoins();
  await subscribe(socket, "b");
  await eventually(() => expect(joins.held()).toBe(1));
  const report = vi.spyOn(ProductsChannel.prototype, "report");
  socket.close();
  await eventually(() => expect(report.mock.lastCall?.[0]).toMatchObject({ count: 0 }));
  await Promise.all(report.mock.results.map(({ value }) => value));
  advanceClock(60_000);
  const take = vi.spyOn(ProductsShard.prototype, "take");
  // The root asks whether the shard needs events, before the shard has the root's answer.
  await runDurableObjectAlarm(productsObject());
  expect(take).toHaveBeenCalled();
  joins.release();
  const { socket: next } = await listenFrom({ products: ["b"] });
  const { seq } = await publishUpdate("b");
  expect((await next.frame()).seq).toBe(seq);
});

const pushOf = (change: Partial<TakeRequest>): TakeRequest => ({
  version: SHARD_PROTOCOL_VERSION,
  stamp: { life: "a root", epochs: 1 },
  epoch: "",
  after: 0,
  upTo: 0,
  frames: [],
  isReset: false,
  plan: { decidedAt: 0, shards: {} },
  interestVersion: 0,
  ...change,
});

/** Keeps the next push from being complete until `release` is called. */
function holdNextPush(): { isHeld: () => boolean; release: () => void } {
  const broadcast = Outgoing.prototype.broadcast;
  let isHolding = true;
  const held = vi.spyOn(Outgoing.prototype, "broadcast").mockImplementationOnce(function (this: Outgoing, ...batch) {
    const { receivers } = broadcast.apply(this, batch);
    const hold = async () => {
      while (isHolding) await scheduler.wait(5);
    };
    return { receivers, rest: hold() };
  });
  return {
    isHeld: () => held.mock.calls.length > 0,
    release: () => {
      isHolding = false;
    },
  };
}

test("a push is answered after what was pushed before it is sent", async () => {
  await listenFrom({ products: ["a"] });
  const { epoch, seq } = await atRoot((root) => root.core.log.position());
  const answered: string[] = [];
  const held = holdNextPush();
  const first = shard.take(pushOf({ epoch, after: seq, upTo: seq })).then(() => answered.push("first"));
  await eventually(() => expect(held.isHeld()).toBe(true));
  const second = shard.take(pushOf({ epoch, after: seq, upTo: seq })).then(() => answered.push("second"));
  for (let n = 0; n < 3; n++) await shard.countListeners();
  held.release();
  await Promise.all([first, second]);
  expect(answered).toEqual(["first", "second"]);
});

test("a shard that sends more than it should is full, during a push that takes seconds and after it", async () => {
  stopClock();
  const { socket, data } = await listenFrom({ continent: "AS", products: ["a"] });
  const busy = shardObject("AS", 0);
  const ask = async () => (await requestProductsSocket(busy, requestFor({ products: ["a"] }))).answer;
  let head = Number(data.seq);
  const holdLargePush = async () => {
    const after = head;
    head += 2 * MAX_SHARD_MESSAGES_PER_SECOND;
    const frames = Array.from({ length: head - after }, (_, n) => ({ seq: after + n + 1, productId: "a", text: "{}" }));
    const { isHeld, release } = holdNextPush();
    const taken = busy.take(pushOf({ epoch: String(data.epoch), after, upTo: head, frames }));
    await eventually(() => expect(isHeld()).toBe(true));
    return async () => {
      release();
      expect((await taken).status).toBe("taken");
    };
  };
  const end = await holdLargePush();
  expect(await ask()).toBe("full");
  await end();
  advanceClock(5000);
  expect(await ask()).toBeInstanceOf(Response);
  const endLater = await holdLargePush();
  advanceClock(5000);
  await endLater();
  expect(await ask()).toBe("full");
  socket.close();
  await kill(busy);
});

test("an epoch that begins while a push is being sent is announced once, also after the shard has slept", async () => {
  const { socket } = await listenFrom({ speaksV1: true, products: ["a"] });
  const { epoch, seq } = await atRoot((root) => root.core.log.position());
  const held = holdNextPush();
  const taken = shard.take(pushOf({ epoch, after: seq, upTo: seq }));
  await eventually(() => expect(held.isHeld()).toBe(true));
  // The root's answer to a client makes the epoch known, before the root can push.
  const take = vi.spyOn(ProductsShard.prototype, "take").mockRejectedValue(new Error("unreachable for the test"));
  await productsObject().declareGap(Date.now() + 1000);
  await listenFrom({ products: ["not known before"] });
  expect(await socket.frame()).toMatchObject({ type: "connection_established", data: { resumed: false } });
  held.release();
  await taken;
  await evict(shard);
  take.mockRestore();
  const event = await publishUpdate("a");
  expect(await socket.frame()).toMatchObject({ type: "product_updated", seq: event.seq });
});

test("a listener that joined ahead of its shard is not promised events from before it joined", async () => {
  await listenFrom({ products: ["a"] });
  await listenFrom({ products: ["b"] });
  vi.spyOn(ProductsShard.prototype, "take").mockRejectedValue(new Error("unreachable for the test"));
  await publishUpdate("b");
  const { socket, data } = await listenFrom({ speaksV1: true, products: ["new"] });
  await subscribe(socket, "b");
  const { type, data: subscribed } = await socket.frame();
  expect(type).toBe("subscribed");
  expect(Number(subscribed.seq)).toBeGreaterThanOrEqual(Number(data.seq));
});

const requestFor = (change: Partial<ConnectRequest>): ConnectRequest => ({
  identity: {
    subject: "alice",
    isAdmin: false,
    expiresAt: Date.now() + 600_000,
    orderId: null,
    ticketGeneration: null,
  },
  speaksV1: true,
  products: null,
  resume: null,
  requestId: "a request",
  ...change,
});

test("clients that wait for the root take places of a shard, so that one too many goes elsewhere at once", async () => {
  const { perChannel } = await atShard(shard, ({ core }) => {
    const { connections } = core.config;
    const before = { ...connections };
    // Listeners of other tests are still here.
    Object.assign(connections, { perChannel: core.listeners.sockets + 2 });
    return before;
  });
  const joins = holdJoins();
  const ask = (product: string) => requestProductsSocket(shard, requestFor({ products: [product] }));
  const waiting = [ask("not known, one"), ask("not known, two")];
  await eventually(() => expect(joins.held()).toBe(2));
  expect((await ask("not known, three")).answer).toBe("full");
  expect(joins.held()).toBe(2);
  joins.release();
  const sockets = (await Promise.all(waiting)).map(({ answer }) => new TestSocket(answer as Response));
  for (const socket of sockets) expect((await socket.frame()).type).toBe("connection_established");
  expect((await ask("not known, four")).answer).toBe("full");
  await atShard(shard, ({ core }) => Object.assign(core.config.connections, { perChannel }));
});

test("a client whose token expires while its shard waits for the root is refused", async () => {
  const joins = holdJoins();
  const expiresAt = Date.now() + 200;
  const { identity } = requestFor({});
  const products = ["not known before it expires"];
  const answer = requestProductsSocket(shard, requestFor({ identity: { ...identity, expiresAt }, products }));
  await eventually(() => expect(joins.held()).toBe(1));
  await eventually(() => expect(Date.now()).toBeGreaterThan(expiresAt));
  joins.release();
  expect(await answer).toMatchObject({ answer: { reason: "token_expired" } });
});
