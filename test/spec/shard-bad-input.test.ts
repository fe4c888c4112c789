import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { requestSocket } from "../../src/channels/handshake.ts";
import {
  type JoinRequest,
  SHARD_PROTOCOL_VERSION,
  type TakeRequest,
} from "../../src/channels/products/shards/contract.ts";
import { ProductsShard } from "../../src/channels/products/shards/products-shard.ts";
import { eventually } from "../support/eventually.ts";
import { productsObject } from "../support/service.ts";
import { expectEvents, publishUpdate, received } from "../support/shards/product-updates.ts";
import { atRoot, atShard, listenFrom, setShards, shardObject } from "../support/shards/sharded-channel.ts";

/** What a root and its shards refuse of each other, and of names outside the plan: nothing is stored. */

beforeEach(() => setShards(1));
afterEach(() => {
  vi.restoreAllMocks();
});

const tablesOf = ({ sql }: DurableObjectStorage) =>
  sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'").toArray();

describe("root and shards refuse of each other", () => {
  const position = () => atRoot((root) => root.core.log.position());
  const rows = async () => (await productsObject().usage()).rowsWritten;
  const join = (change: object) =>
    ({
      version: SHARD_PROTOCOL_VERSION,
      shard: "products/weur/0",
      incarnation: "one",
      interest: { version: 1, products: null },
      resume: null,
      count: 0,
      ...change,
    }) as unknown as JoinRequest;

  test.each([
    ["of another version", { version: SHARD_PROTOCOL_VERSION + 1 }, "unreadable"],
    ["without a version", { version: undefined }, "unreadable"],
    ["of a name that is not a shard's", { shard: "products/weur/00" }, "unreadable"],
    ["of a shard outside the plan", { shard: "products/weur/63" }, "outside_plan"],
    ["of a region that does not exist", { shard: "products/moon/0" }, "unreadable"],
  ])("a request to join %s, and nothing is stored", async (_, change, status) => {
    await listenFrom();
    const before = await rows();
    expect(await productsObject().join(join(change))).toMatchObject({ status });
    expect(await rows()).toBe(before);
  });

  test.each([
    ["of another version", { version: SHARD_PROTOCOL_VERSION + 1 }],
    ["without a version", { version: undefined }],
    ["with a frame that has no position", { frames: [{ productId: null, text: "{}" }] }],
  ])("a push %s, and nothing is sent", async (_, change) => {
    const { socket } = await listenFrom();
    const { epoch, seq } = await position();
    const push = {
      version: SHARD_PROTOCOL_VERSION,
      stamp: { life: "a root", tick: 1 },
      epoch,
      after: seq,
      upTo: seq + 1,
      frames: [{ seq: seq + 1, productId: null, text: JSON.stringify({ seq: seq + 1 }) }],
      isReset: false,
      plan: { decidedAt: 0, shards: {} },
      interestVersion: null,
      ...change,
    };
    expect(await shardObject("EU", 0).take(push as unknown as TakeRequest)).toMatchObject({ status: "unreadable" });
    expect(received(socket)).toEqual([]);
    const next = await publishUpdate("after");
    await expectEvents(socket, [next.seq]);
  });

  test("a client that asks a shard outside the plan for a socket; the shard stores nothing and is not called", async () => {
    await listenFrom();
    const outside = shardObject("EU", 5);
    const request = {
      identity: {
        subject: "alice",
        isAdmin: false,
        expiresAt: Date.now() + 60_000,
        orderId: null,
        ticketGeneration: null,
      },
      speaksV1: false,
      products: null,
      resume: null,
      requestId: "a request",
      placement: { region: "weur" as const, fullOf: null },
    };
    const before = await rows();
    const answer = await requestSocket(outside, request);
    expect("webSocket" in answer ? answer.webSocket : null).toBeNull();
    expect(await rows()).toBe(before);
    expect(await atShard(outside, (_, { storage }) => tablesOf(storage))).toEqual([]);
    const take = vi.spyOn(ProductsShard.prototype, "take");
    await publishUpdate("outside");
    await eventually(() => expect(take).toHaveBeenCalled());
    const called = take.mock.contexts.map((shard) => (shard as ProductsShard).core.name);
    expect(called).not.toContain("products/weur/5");
  });
});
