import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ConnectRequest, requestSocket } from "../../src/channels/handshake.ts";
import { ProductsShard } from "../../src/channels/products/shards/products-shard.ts";
import { eventually } from "../support/eventually.ts";
import { productsObject } from "../support/service.ts";
import { expectEvents, publishUpdate, received } from "../support/shards/product-updates.ts";
import { atRoot, evict, listenFrom, setShards, shardObject } from "../support/shards/sharded-channel.ts";
import { TestSocket } from "../support/test-socket.ts";

/** Positions of clients at shards, through the URL: they outlive shards and root, and hold in every region. */

beforeEach(() => setShards(1));
afterEach(() => {
  vi.restoreAllMocks();
});

const countAt = (index: number, continent: "EU" | "AS" = "EU") => shardObject(continent, index).countListeners();

test("a shard that hibernates before its first event keeps its listeners", async () => {
  const { socket } = await listenFrom();
  await evict(shardObject("EU", 0));
  const { seq } = await publishUpdate("first");
  await expectEvents(socket, [seq]);
});

/** A client that says nothing of where it is, which the root takes. */
const CLIENT: ConnectRequest = {
  identity: { subject: "bob", isAdmin: false, expiresAt: Date.now() + 600_000, orderId: null, ticketGeneration: null },
  speaksV1: false,
  products: null,
  resume: null,
  requestId: "a request",
};

test("a shard's listeners receive the frames that the root's receive", async () => {
  const before = await countAt(0);
  const { socket: atAShard } = await listenFrom();
  expect(await countAt(0)).toBe(before + 1);
  const atTheRoot = new TestSocket((await requestSocket(productsObject(), CLIENT)) as Response);
  await atTheRoot.frame();
  await publishUpdate("same");
  expect(await atAShard.text()).toBe(await atTheRoot.text());
});

test("each region has its own shards", async () => {
  const before = [await countAt(0, "EU"), await countAt(0, "AS")];
  await listenFrom({ continent: "EU" });
  await listenFrom({ continent: "AS" });
  expect([await countAt(0, "EU"), await countAt(0, "AS")]).toEqual(before.map((count) => count + 1));
});

test("a shard that has left the plan serves again when the plan has it again", async () => {
  const { socket } = await listenFrom();
  await setShards(0);
  await publishUpdate("drains");
  expect((await socket.closed()).code).toBe(4200);
  await eventually(async () => expect(await countAt(0)).toBe(0));
  await setShards(1);
  await listenFrom();
  expect(await countAt(0)).toBe(1);
});

describe("[promise 3] a client that reconnects at a shard receives what it missed, once:", () => {
  test.each([
    ["from the shard's own memory", () => evict(productsObject())],
    ["from the root, after the shard woke", () => evict(shardObject("EU", 0))],
    [
      "after both woke",
      async () => {
        await evict(shardObject("EU", 0));
        await evict(productsObject());
      },
    ],
  ])("%s", async (_, step) => {
    const { socket: stays } = await listenFrom();
    const { socket: leaves, data } = await listenFrom({ user: "bob" });
    leaves.close();
    const seqs = [(await publishUpdate("missed")).seq, (await publishUpdate("missed")).seq];
    await expectEvents(stays, seqs);
    await step();
    const query = { since: String(data.seq), epoch: String(data.epoch) };
    const back = await listenFrom({ user: "bob", query });
    expect(back.data.resumed).toBe(true);
    await expectEvents(back.socket, seqs);
  });

  test("also from a shard that is behind the one it comes from", async () => {
    const { socket: ahead } = await listenFrom({ continent: "EU" });
    await listenFrom({ continent: "AS" });
    const take = ProductsShard.prototype.take;
    const fail = vi.spyOn(ProductsShard.prototype, "take").mockImplementation(function (this: ProductsShard, push) {
      return this.core.name.includes("apac") ? Promise.reject(new Error("unreachable")) : take.call(this, push);
    });
    const { seq } = await publishUpdate("ahead");
    await expectEvents(ahead, [seq]);
    const { epoch } = await atRoot((root) => root.core.log.position());
    const back = await listenFrom({ continent: "AS", user: "bob", query: { since: String(seq), epoch } });
    expect(back.data).toMatchObject({ resumed: true, epoch });
    fail.mockRestore();
    const next = await publishUpdate("ahead");
    await expectEvents(back.socket, [next.seq]);
  });
});

test("[promise 3] a client that resumes receives what was published before its shard needed it, also after a wake", async () => {
  // No other test has listeners there.
  const continent = "SA";
  const { socket: adds, data } = await listenFrom({ continent, speaksV1: true, products: ["mine"] });
  // The shard has no listener for it, so its position stays behind.
  const missed = await publishUpdate("theirs");
  await listenFrom({ continent, user: "bob", products: ["theirs"] });
  adds.send(JSON.stringify({ type: "subscribe", product_ids: ["theirs"] }));
  expect((await adds.frame()).type).toBe("subscribed");
  await evict(shardObject(continent, 0));
  const query = { since: String(data.seq), epoch: String(data.epoch) };
  const back = await listenFrom({ continent, user: "carol", products: ["theirs"], query });
  await expectEvents(back.socket, [missed.seq]);
});

describe("the position of a shard survives", () => {
  test("a wake, and every one of its oldest sockets closing while it sleeps", async () => {
    const sockets: TestSocket[] = [];
    for (let i = 0; i < 12; i++) sockets.push((await listenFrom({ user: `user-${i}` })).socket);
    const last = sockets.at(-1) as TestSocket;
    const { seq, epoch } = await atRoot((root) => root.core.log.position());
    await evict(shardObject("EU", 0));
    for (const socket of sockets.slice(0, 9)) socket.close();
    const next = await publishUpdate("carried");
    const events: number[] = [];
    const isDone = () => {
      events.push(...received(last));
      return events.length > 0 || last.closeCode !== null;
    };
    await eventually(() => expect(isDone()).toBe(true));
    if (last.closeCode === null) return expect(events).toEqual([next.seq]);
    // Without any, the shard does not know what its listeners have received, so they reconnect.
    expect(last.closeCode).toBe(4200);
    const back = await listenFrom({ user: "user-11", query: { since: String(seq), epoch } });
    await expectEvents(back.socket, [next.seq]);
  });

  test("with sockets whose filters leave hardly any room for it", async () => {
    // 50 ids of 128 characters that take two bytes each.
    const products = Array.from({ length: 50 }, (_, i) => String(i).padStart(128, "ж"));
    const { socket } = await listenFrom({ products, user: "я".repeat(255) });
    const one = await publishUpdate(products[0] ?? "");
    await expectEvents(socket, [one.seq]);
    await evict(shardObject("EU", 0));
    const other = await publishUpdate(products[49] ?? "");
    await expectEvents(socket, [other.seq]);
  });

  test("a carrier that changes its filter and its token's rate", async () => {
    const { socket } = await listenFrom({ speaksV1: true });
    socket.send(JSON.stringify({ type: "subscribe", product_ids: ["kept"] }));
    expect((await socket.frame()).type).toBe("subscribed");
    const one = await publishUpdate("kept");
    await expectEvents(socket, [one.seq]);
    socket.send(JSON.stringify({ type: "unsubscribe", product_ids: ["other"] }));
    await evict(shardObject("EU", 0));
    const other = await publishUpdate("kept");
    await expectEvents(socket, [other.seq]);
  });
});
