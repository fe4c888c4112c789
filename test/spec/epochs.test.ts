import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { EventLog } from "../../src/channels/log/event-log.ts";
import { Storage } from "../../src/channels/storage.ts";
import { connect, orderObject, productsObject } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** An epoch's name is never used again for another history. */

const positionOf = async () =>
  (await (await connect("products", { token: await mintToken() })).frame()).data as { epoch: string; seq: number };

describe("[promise 3] the products' first epoch", () => {
  test("stays from the first listener on, without any event", async () => {
    const { epoch } = await positionOf();
    await evictDurableObject(productsObject(), { webSockets: "close" });
    expect((await positionOf()).epoch).toBe(epoch);
  });

  test("is another one after what was stored is gone, so that nothing is resumed over the hole", async () => {
    const { epoch } = await positionOf();
    await runInDurableObject(productsObject(), (_, { storage }) => storage.deleteAll());
    await evictDurableObject(productsObject(), { webSockets: "close" });
    const socket = await connect("products", { token: await mintToken(), query: { since: "0", epoch } });
    expect((await socket.frame()).data.resumed).toBe(false);
  });
});

test("[promise 3] STORAGE_GENERATION is part of every epoch: once it is raised, no earlier position is resumed", async () => {
  await runInDurableObject(orderObject(crypto.randomUUID()), (_, ctx) => {
    const storage = Storage.open(ctx.storage, []);
    const open = (generation: number) => new EventLog(storage, { maxEvents: 10, ttlMs: 1000, generation }, null);
    const event = { id: "e", type: "order_shipped", data: "{}", productId: null, request: null, status: null };
    open(0).append(event, 1);
    const before = open(0).position();
    expect(open(0).readSince({ ...before, seq: 0 }, null, 1)).toHaveLength(1);
    expect(open(1).position()).toEqual({ epoch: `${before.epoch}-1`, seq: 1 });
    expect(open(1).readSince({ ...before, seq: 0 }, null, 1)).toBe(null);
    expect(open(1).readSince({ ...open(1).position(), seq: 0 }, null, 1)).toHaveLength(1);
  });
});
