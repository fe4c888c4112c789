import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { connect, orderObject, productsObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** A client that reconnects with its position receives every missed event once, or resumed:false. */

const v1 = async () => ({ "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` });
const publishNumbered = async (id: string, from: number, to: number) => {
  for (let n = from; n <= to; n++) await publish(`orders/${id}`, { type: "order_shipped", data: { n } });
};

async function resume(path: string, since: string | number, epoch: string): Promise<[Frame, TestSocket]> {
  const socket = await connect(path, { token: await mintToken(), query: { since: String(since), epoch } });
  return [await socket.frame(), socket];
}

async function positionOf(path: string): Promise<{ epoch: string; seq: number }> {
  const socket = await connect(path, { token: await mintToken() });
  const { epoch, seq } = (await socket.frame()).data;
  socket.close();
  return { epoch: String(epoch), seq: Number(seq) };
}

describe("[promise 3] ?since=&epoch=", () => {
  test("replays every event after `since` once, in order, and then live events", async () => {
    const id = await registerOrder();
    const { epoch } = await positionOf(`orders/${id}`);
    await publishNumbered(id, 1, 5);
    const [first, socket] = await resume(`orders/${id}`, 2, epoch);
    expect(first.data).toMatchObject({ seq: 5, epoch, resumed: true, current_status: "shipped" });
    expect((await socket.frames(3)).map(({ seq, data }) => [seq, data.n])).toEqual([
      [3, 3],
      [4, 4],
      [5, 5],
    ]);
    await publishNumbered(id, 6, 6);
    expect((await socket.frame()).seq).toBe(6);
    expect(await socket.settle()).toEqual([]);
  });

  test("is resumed without a replay when nothing was missed", async () => {
    const id = await registerOrder();
    await publishNumbered(id, 1, 2);
    const { epoch, seq } = await positionOf(`orders/${id}`);
    const [first, socket] = await resume(`orders/${id}`, seq, epoch);
    expect(first.data.resumed).toBe(true);
    expect(await socket.settle()).toEqual([]);
  });

  test("works with a position from before the first event, also for products", async () => {
    const { epoch, seq } = await positionOf("products");
    expect(seq).toBe(0);
    await evictDurableObject(productsObject(), { webSockets: "close" });
    await publish("products", { type: "product_deleted", data: { product_id: "p" } });
    const [first, socket] = await resume("products", 0, epoch);
    expect(first.data).toMatchObject({ resumed: true, epoch, seq: 1 });
    expect((await socket.frame()).seq).toBe(1);
  });

  test("works after hibernation and after a deploy", async () => {
    const id = await registerOrder();
    const { epoch } = await positionOf(`orders/${id}`);
    await publishNumbered(id, 1, 2);
    for (const webSockets of ["hibernate", "close"] as const) {
      await evictDurableObject(orderObject(id), { webSockets });
      const [first, socket] = await resume(`orders/${id}`, 0, epoch);
      expect(first.data).toMatchObject({ resumed: true, seq: 2 });
      expect((await socket.frames(2)).map(({ seq }) => seq)).toEqual([1, 2]);
    }
  });

  test("replays arrays of frames to a tidings.v1 client", async () => {
    const id = await registerOrder();
    const { epoch } = await positionOf(`orders/${id}`);
    await publishNumbered(id, 1, 3);
    const socket = await connect(`orders/${id}`, { headers: await v1(), query: { since: "0", epoch } });
    expect((await socket.frame()).data.resumed).toBe(true);
    expect(JSON.parse(await socket.text())).toMatchObject([{ seq: 1 }, { seq: 2 }, { seq: 3 }]);
  });

  test("[promise 2] loses no event between replay and live, while events are published", async () => {
    const id = await registerOrder();
    const { epoch } = await positionOf(`orders/${id}`);
    await publishNumbered(id, 1, 50);
    const publishing = publishNumbered(id, 51, 100);
    const sockets: TestSocket[] = [];
    for (let since = 0; since < 50; since++) {
      sockets.push(await connect(`orders/${id}`, { token: await mintToken(), query: { since: String(since), epoch } }));
    }
    await publishing;
    for (const [since, socket] of sockets.entries()) {
      expect((await socket.frame()).data.resumed).toBe(true);
      const seqs = (await socket.settle()).map((text) => JSON.parse(text).seq);
      expect(seqs).toEqual(Array.from({ length: 100 - since }, (_, i) => since + 1 + i));
    }
  });

  test("replays to a filtered client only its products", async () => {
    const [mine, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const { epoch, seq } = await positionOf("products");
    for (const product_id of [mine, other, mine]) {
      await publish("products", { type: "product_deleted", data: { product_id } });
    }
    const query = { since: String(seq), epoch, product_id: mine };
    const socket = await connect("products", { token: await mintToken(), query });
    expect((await socket.frame()).data).toMatchObject({ resumed: true, seq: seq + 3 });
    expect((await socket.settle()).map((text) => JSON.parse(text).seq)).toEqual([seq + 1, seq + 3]);
  });
});

describe("[promise 3] a listener with a product filter resumes by its own products", () => {
  // The default limit is 1,000 events.
  const HISTORY_LIMIT = 1000;
  const update = (product_id: string, count = 1) => {
    const event = { channel: "products", type: "product_updated", data: { product_id } };
    return serviceRequest("POST", "/api/v1/publish/batch", { events: Array(count).fill(event) });
  };
  const resumeWith = async (since: number, epoch: string, ...products: string[]) => {
    const query = { since: String(since), epoch, product_id: products };
    const socket = await connect("products", { token: await mintToken(), query });
    const first = await socket.frame();
    const seqs = (await socket.settle()).map((text) => JSON.parse(text).seq);
    socket.close();
    return { ...first.data, seqs };
  };

  test("however many events of others fill the history", async () => {
    const [mine, quiet, busy] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    const { epoch, seq } = await positionOf("products");
    await update(mine);
    await update(busy, HISTORY_LIMIT - 1);
    await update(mine);
    await update(busy, 1);
    const head = seq + HISTORY_LIMIT + 2;
    for (const kept of [true, false]) {
      expect(await resumeWith(seq, epoch, quiet)).toMatchObject({ resumed: true, seq: head, seqs: [] });
      expect(await resumeWith(seq + 1, epoch, mine, quiet)).toMatchObject({
        resumed: true,
        seqs: [seq + HISTORY_LIMIT + 1],
      });
      // The first event of its product has left the log.
      expect(await resumeWith(seq, epoch, mine)).toMatchObject({ resumed: false, seqs: [] });
      expect(await resumeWith(seq, epoch, quiet, mine)).toMatchObject({ resumed: false, seqs: [] });
      if (kept) await evictDurableObject(productsObject(), { webSockets: "close" });
    }
    expect((await resume("products", seq, epoch))[0].data.resumed).toBe(false);
  });

  test("of which a part has left the log: all or nothing", async () => {
    const [mine, busy] = [crypto.randomUUID(), crypto.randomUUID()];
    const { epoch, seq } = await positionOf("products");
    await update(mine, 3);
    await update(busy, HISTORY_LIMIT - 1);
    expect(await resumeWith(seq, epoch, mine)).toMatchObject({ resumed: false, seqs: [] });
    expect(await resumeWith(seq + 1, epoch, mine)).toMatchObject({ resumed: false, seqs: [] });
    expect(await resumeWith(seq + 2, epoch, mine)).toMatchObject({ resumed: true, seqs: [seq + 3] });
  });

  test("also when the whole history has expired", async () => {
    const [mine, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const { epoch, seq } = await positionOf("products");
    await update(mine);
    await update(other);
    await runInDurableObject(productsObject(), (_, { storage }) => {
      storage.sql.exec("UPDATE log SET ts = ts - ?", 86_400_000);
    });
    await evictDurableObject(productsObject(), { webSockets: "close" });
    expect(await resumeWith(seq, epoch, mine)).toMatchObject({ resumed: false, seqs: [] });
    await runDurableObjectAlarm(productsObject());
    expect(await resumeWith(seq, epoch, mine)).toMatchObject({ resumed: false, seqs: [] });
    expect(await resumeWith(seq + 1, epoch, mine)).toMatchObject({ resumed: true, seqs: [] });
    await update(mine);
    expect(await resumeWith(seq + 1, epoch, mine)).toMatchObject({ resumed: true, seqs: [seq + 3] });
  });

  test("but not across a new epoch", async () => {
    const mine = crypto.randomUUID();
    const { epoch, seq } = await positionOf("products");
    await productsObject().declareGap(Date.now() + 1000);
    expect(await resumeWith(seq, epoch, mine)).toMatchObject({ resumed: false });
  });
});

describe("[promise 3] resumed:false, without a replay or an error,", () => {
  const invalid = ["-1", "abc", "", "1.5", "1e1", "6", "99999999999999999999", "0x1", " 1", "١"];
  for (const since of invalid) {
    test(`for since=${JSON.stringify(since)}`, async () => {
      const id = await registerOrder();
      await publishNumbered(id, 1, 5);
      const { epoch } = await positionOf(`orders/${id}`);
      const [first, socket] = await resume(`orders/${id}`, since, epoch);
      expect(first.data).toMatchObject({ resumed: false, seq: 5, epoch });
      await publishNumbered(id, 6, 6);
      expect((await socket.settle()).map((text) => JSON.parse(text).seq)).toEqual([6]);
    });
  }

  test("for another epoch or none", async () => {
    const id = await registerOrder();
    await publishNumbered(id, 1, 2);
    for (const epoch of ["", "another", "0"]) {
      const [first, socket] = await resume(`orders/${id}`, 1, epoch);
      expect(first.data.resumed).toBe(false);
      expect(await socket.settle()).toEqual([]);
    }
  });

  test("when the history no longer reaches back: all or nothing, never a partial replay", {
    timeout: 20_000,
  }, async () => {
    const id = await registerOrder();
    const { epoch } = await positionOf(`orders/${id}`);
    const event = { channel: `order_${id}`, type: "order_shipped", data: {} };
    // The default limit is 1,000 events.
    await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(1000).fill(event) });
    expect((await resume(`orders/${id}`, 0, epoch))[0].data.resumed).toBe(true);
    await publishNumbered(id, 1, 1);
    const [first, socket] = await resume(`orders/${id}`, 0, epoch);
    expect(first.data).toMatchObject({ resumed: false, seq: 1001 });
    expect(await socket.settle()).toEqual([]);
    const [again, rest] = await resume(`orders/${id}`, 1, epoch);
    expect(again.data.resumed).toBe(true);
    expect(await rest.settle()).toHaveLength(1000);
  });

  test("when more than 8 MB were missed, which a replay would hold in memory", { timeout: 20_000 }, async () => {
    const id = await registerOrder();
    const { epoch } = await positionOf(`orders/${id}`);
    const event = { channel: `order_${id}`, type: "order_shipped", data: { note: "x".repeat(60_000) } };
    for (let n = 0; n < 10; n++)
      await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(16).fill(event) });
    for (const since of [0, 10, 0]) {
      const [{ data }] = await resume(`orders/${id}`, since, epoch);
      expect(data).toMatchObject({ resumed: false, seq: 160 });
    }
    const [first, socket] = await resume(`orders/${id}`, 40, epoch);
    expect(first.data.resumed).toBe(true);
    expect(await socket.settle()).toHaveLength(120);
  });

  test("when a missed event is older than HISTORY_TTL_SECONDS", async () => {
    const id = await registerOrder();
    const { epoch } = await positionOf(`orders/${id}`);
    await publishNumbered(id, 1, 3);
    const age = (ms: number) =>
      runInDurableObject(orderObject(id), (_, { storage }) => {
        storage.sql.exec("UPDATE log SET ts = ts - ? WHERE seq <= 2", ms);
      });
    await age(86_400_000);
    await evictDurableObject(orderObject(id));
    expect((await resume(`orders/${id}`, 1, epoch))[0].data.resumed).toBe(false);
    const [first, socket] = await resume(`orders/${id}`, 2, epoch);
    expect(first.data.resumed).toBe(true);
    expect((await socket.frame()).seq).toBe(3);
  });
});
