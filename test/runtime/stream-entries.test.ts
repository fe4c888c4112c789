import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { eventually } from "../support/eventually.ts";
import { rememberPayload } from "../support/leak-guard/rules.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { deadLetters, type RedisService, STREAM, startRedisService, xadd } from "../support/redis-service.ts";

describe.skipIf(!hasRedis("entries of a Redis stream"))("the Redis stream", () => {
  let all: RedisService;
  beforeAll(async () => {
    all = await startRedisService();
  });
  afterAll(() => all.stop());

  test("an entry written by redis-cli XADD and PUBLISH reaches a plain WebSocket client", async () => {
    const order = await registerOrderAt(all.service.url);
    const listener = await listenAt(all.service.url, `orders/${order}`);
    const entry = await xadd(all.redis, {
      channel: `order_${order}`,
      type: "order_shipped",
      data: '{"carrier":"UPS","parts":[1,{"a":null}]}',
    });
    const [frame] = await listener.receive(1);
    expect(frame).toMatchObject({
      type: "order_shipped",
      id: entry,
      seq: 1,
      data: { order_id: order, carrier: "UPS", parts: [1, { a: null }] },
    });
    listener.close();
  });

  test("an entry of a type that EXTRA_EVENTS declares is delivered, and changes its order's status", async () => {
    const order = await registerOrderAt(all.service.url);
    const listener = await listenAt(all.service.url, `orders/${order}`);
    await xadd(all.redis, { channel: `order_${order}`, type: "order_refunded", data: '{"new_status":"refunded"}' });
    const [frame] = await listener.receive(1);
    expect(frame).toMatchObject({ type: "order_refunded", data: { new_status: "refunded" }, status: "refunded" });
    const snapshot = await callService(all.service.url, "GET", `orders/${order}`);
    expect(await snapshot.json()).toMatchObject({ status: "refunded", seq: 1 });
    listener.close();
  });

  test("ids of products and users may be integers, and are the same ids as their text", async () => {
    const order = await registerOrderAt(all.service.url, "41");
    const [ofOrder, ofProduct] = [
      await listenAt(all.service.url, `orders/${order}`, { role: "admin" }),
      await listenAt(all.service.url, "products", { query: { product_id: "42" } }),
    ];
    const registration = '{"user_id":42,"status":"new","payment_status":"new"}';
    await xadd(all.redis, { channel: `order_${order}`, type: "order_created", data: "{}", order: registration });
    for (const data of ['{"product_id":"042"}', '{"product_id":42}']) {
      await xadd(all.redis, { channel: "products", type: "product_updated", data });
    }
    await ofOrder.receive(1);
    expect((await ofProduct.receive(1)).map(({ data }) => data.product_id)).toEqual([42]);
    expect(await (await callService(all.service.url, "GET", `orders/${order}`)).json()).toMatchObject({
      user_id: "42",
    });
    for (const listener of [ofOrder, ofProduct]) listener.close();
  });

  test("[promise 5] every bad entry becomes one dead letter with its reason, and the next entry is delivered without delay", {
    timeout: 60_000,
  }, async () => {
    const order = await registerOrderAt(all.service.url);
    const channel = `order_${order}`;
    const listener = await listenAt(all.service.url, `orders/${order}`);
    const good = { channel, type: "order_shipped", data: "{}" };
    const bad: [fields: Record<string, string | Buffer>, reason: RegExp][] = [
      [{ type: "order_shipped", data: "{}" }, /lacks channel/],
      [{ channel, data: "{}" }, /lacks type/],
      [{ channel, type: "order_shipped" }, /lacks data/],
      [{ hello: "world" }, /lacks channel, type, data/],
      [{ ...good, data: '{"a":' }, /data is not valid JSON/],
      [{ ...good, data: "[]" }, /data/],
      [{ ...good, type: "order_eaten" }, /type must be one of/],
      // Found by fuzzing: its length cannot be compared with a number.
      [{ ...good, data: '{"carrier":{"length":{"toString":1}}}' }, /data\.carrier must be text/],
      [{ ...good, type: "price_updated" }, /type must be one of/],
      [{ ...good, type: "stock_reserved" }, /type must be one of.*EXTRA_EVENTS/],
      [{ ...good, channel: "orders" }, /channel must be/],
      [{ ...good, channel: "order_1" }, /channel must be/],
      [{ ...good, data: `{"order_id":"${crypto.randomUUID()}"}` }, /order_id/],
      [{ ...good, version: "soon" }, /version/],
      [{ ...good, id: "a b" }, /id/],
      [{ ...good, order: "{}" }, /order/],
      [{ ...good, data: `{"note":"${"x".repeat(3 * 1024 * 1024)}"}` }, /larger than 1048576 bytes/],
      [{ ...good, data: "x".repeat(12 * 1024 * 1024) }, /larger than 1048576 bytes/],
      [{ ...good, data: "x".repeat(1_500_000), more: "x".repeat(1_500_000) }, /larger than 1048576 bytes/],
      [{ ...good, data: "漢".repeat(700_000), more: "\u0001".repeat(340_000) }, /larger than|not valid JSON/],
      [{ ...good, data: `{"${"漢".repeat(700_000)}":1e400}` }, /^data\.漢+… \(\d+ characters\)$/],
      [{ [`${"n".repeat(70_000)}`]: "x" }, /lacks channel/],
      [{ ...good, data: Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x0a]) }, /not UTF-8/],
      [{ channel: Buffer.from([0xc3, 0x28]), type: "order_shipped", data: "{}" }, /not UTF-8/],
    ];
    const redis = await createClient({ url: all.redis.url }).connect();
    const ids: string[] = [];
    for (const [n, [fields]] of bad.entries()) {
      rememberPayload(fields);
      ids.push(String(await redis.sendCommand(["XADD", STREAM, "*", ...Object.entries(fields).flat()])));
      await redis.xAdd(STREAM, "*", { ...good, id: `good-${n}` });
      await redis.publish("tidings:doorbell", "1");
      expect((await listener.receive(n + 1))[n]?.id).toBe(`good-${n}`);
    }
    await redis.close();
    await eventually(async () => expect(await deadLetters(all.redis)).toHaveLength(bad.length));
    const letters = await deadLetters(all.redis);
    expect(letters.map(({ entryId }) => entryId)).toEqual(ids);
    for (const [n, { reason, entry }] of letters.entries()) {
      expect(reason.length).toBeLessThan(1100);
      expect(reason).toMatch(bad[n]?.[1] ?? /never/);
      // Far below the 2 MB of a stored row, which the local runtime does not enforce.
      expect(Buffer.byteLength(JSON.stringify(entry))).toBeLessThan(600_000);
    }
    expect(letters[4]?.entry).toEqual({ ...good, data: '{"a":' });
    listener.close();
  });

  test("[promise 4] [promise 8] an id that came in over Redis is a duplicate over HTTP and back; an entry's version and order count, too", async () => {
    const order = crypto.randomUUID();
    const channel = `order_${order}`;
    const registration = { user_id: "alice", status: "pending", payment_status: "paid" };
    const fields = { channel, type: "order_shipped", data: "{}", id: "once", version: "5" };
    await xadd(all.redis, { ...fields, order: JSON.stringify(registration) });
    // The first listener wakes the relay.
    const admin = await listenAt(all.service.url, "products", { role: "admin" });
    await eventually(async () => {
      const answer = await callService(all.service.url, "GET", `orders/${order}`);
      expect(await answer.json()).toMatchObject({ user_id: "alice", status: "shipped", seq: 1 });
    });
    admin.close();
    const body = { type: "order_shipped", data: {}, id: "once", version: 5, order: registration };
    const again = await callService(all.service.url, "POST", `publish/orders/${order}`, body);
    expect((await again.json()) as PublishResult).toMatchObject({ status: "duplicate", seq: 1 });
    const listener = await listenAt(all.service.url, `orders/${order}`);
    await xadd(all.redis, { ...fields, order: JSON.stringify(registration) });
    await xadd(all.redis, { ...fields, id: "late", version: "4" });
    await xadd(all.redis, { ...fields, id: "next", version: "6" });
    expect((await listener.receive(1)).map(({ id, seq }) => [id, seq])).toEqual([["next", 2]]);
    // The same id with another body can never be delivered.
    const before = (await deadLetters(all.redis)).length;
    await xadd(all.redis, { ...fields, data: '{"carrier":"another"}' });
    await eventually(async () => expect((await deadLetters(all.redis)).length).toBe(before + 1));
    expect((await deadLetters(all.redis)).at(-1)?.reason).toMatch(/another event/);
    listener.close();
  });
});
