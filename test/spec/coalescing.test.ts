import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ACK_REQUEST_AFTER_CHARACTERS } from "../../src/protocol/limits.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { holdPauses, useRealPauses } from "../support/pauses.ts";
import {
  connect,
  listen,
  orderObject,
  productsObject,
  publish,
  registerOrder,
  serviceRequest,
} from "../support/service.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** Events in quick succession reach a `tidings.v1` client in few messages. Here, time stands still until it is released. */

/** How many messages a client is sent at once. */
const AT_ONCE = 4;

const open: TestSocket[] = [];
let release: () => void;
beforeEach(() => {
  stopClock();
  release = holdPauses();
});
afterEach(() => {
  release();
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const socket of open.splice(0)) socket.close();
});

async function listenV1(query: Record<string, string> = {}, path = "products"): Promise<TestSocket> {
  const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` };
  const socket = await listen(path, { headers, query });
  open.push(socket);
  return socket;
}

const stock = (n: number, product_id = "p") => ({ type: "inventory_updated", data: { product_id, new_quantity: n } });

/** Publishes so many events, one by one. @returns Their `seq`. */
async function publishMany(count: number, product?: string): Promise<number[]> {
  const seqs: number[] = [];
  for (let n = 0; n < count; n++) seqs.push(Number((await publish("products", stock(n, product))).seq));
  return seqs;
}

const framesIn = (text: string) => [JSON.parse(text)].flat() as Frame[];
const seqsIn = (texts: string[]) => texts.map((text) => framesIn(text).map(({ seq, type }) => seq ?? type));

describe("a tidings.v1 client", () => {
  test("[promise 2] is sent the first events at once and the next ones together, in order, and counts as their receiver", async () => {
    const socket = await listenV1();
    const results: number[] = [];
    const seqs: number[] = [];
    for (let n = 0; n < 10; n++) {
      const { seq, receivers } = await publish("products", stock(n));
      seqs.push(Number(seq));
      results.push(Number(receivers));
    }
    expect(seqsIn(await socket.settle())).toEqual(seqs.slice(0, AT_ONCE).map((seq) => [seq]));
    release();
    expect(seqsIn([await socket.text()])).toEqual([seqs.slice(AT_ONCE)]);
    expect(results).toEqual(seqs.map(() => 1));
  });

  test("is sent the first event after a quiet second at once again", async () => {
    const socket = await listenV1();
    await publishMany(AT_ONCE);
    await socket.settle();
    advanceClock(1000);
    const seqs = await publishMany(AT_ONCE + 1);
    expect(seqsIn(await socket.settle())).toEqual(seqs.slice(0, AT_ONCE).map((seq) => [seq]));
  });

  test("is sent what waits before any other frame", async () => {
    const socket = await listenV1();
    const seqs = await publishMany(AT_ONCE + 2);
    socket.send('{"type":"ping"}');
    await socket.frames(AT_ONCE);
    expect(seqsIn([await socket.text(), await socket.text()])).toEqual([seqs.slice(AT_ONCE), ["pong"]]);
    const more = await publishMany(2);
    await productsObject().declareGap(Date.now() + 1000);
    expect(seqsIn([await socket.text(), await socket.text()])).toEqual([more, ["connection_established"]]);
  });

  test("is sent what waits before it is closed, unless it has lost access", async () => {
    const flooding = await listenV1();
    const seqs = await publishMany(AT_ONCE + 2);
    await flooding.frames(AT_ONCE);
    for (let n = 0; n < 30; n++) flooding.send('{"type":"ack","seq":0}');
    expect(seqsIn([await flooding.text(), await flooding.text()])).toEqual([seqs.slice(AT_ONCE), ["closing"]]);
    expect((await flooding.closed()).code).toBe(4129);

    const disconnected = await listenV1();
    await publishMany(AT_ONCE + 2);
    await disconnected.frames(AT_ONCE);
    await serviceRequest("POST", "/api/v1/disconnect", { channel: "products" });
    expect((await disconnected.closed()).code).toBe(4001);
    expect(seqsIn(disconnected.drain())).toEqual([["closing"]]);
  });

  test("is sent nothing that waited when its token has expired", async () => {
    const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken({ expiresIn: 60 })}` };
    const socket = await listen("products", { headers });
    open.push(socket);
    await publishMany(AT_ONCE + 2);
    await socket.frames(AT_ONCE);
    await socket.settle();
    advanceClock(61_000);
    release();
    expect((await socket.closed()).code).toBe(4001);
    expect(seqsIn(socket.drain())).toEqual([["closing"]]);
  });

  test("is sent what waits by the filter at the time it was published", async () => {
    const socket = await listenV1({ product_id: "p" });
    const seqs = await publishMany(AT_ONCE + 1);
    await publishMany(1, "q");
    await socket.frames(AT_ONCE);
    socket.send('{"type":"unsubscribe","product_ids":["p"]}');
    socket.send('{"type":"subscribe","product_ids":["q"]}');
    expect(seqsIn([await socket.text()])).toEqual([seqs.slice(AT_ONCE)]);
    const texts = await socket.settle();
    expect(
      seqsIn(texts)
        .flat()
        .filter((seq) => typeof seq === "number"),
    ).toEqual([]);
  });

  test("does not wait for more than fills a few messages, and is asked to acknowledge", async () => {
    const id = await registerOrder();
    const socket = await listenV1({}, `orders/${id}`);
    const note = { type: "order_cancelled", data: { reason: "x".repeat(60_000) } };
    for (let n = 0; n < AT_ONCE; n++) await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    await socket.frames(AT_ONCE);
    for (let n = 0; n * 60_000 < ACK_REQUEST_AFTER_CHARACTERS; n++) await publish(`orders/${id}`, note);
    const types = (await socket.settle()).flatMap(framesIn).map(({ type }) => type);
    expect(types).toEqual([...Array(5).fill(note.type), "ack_request"]);
  });

  test("[promise 3] that connects while events wait for others is not sent them again", async () => {
    const first = await listenV1();
    const seqs = await publishMany(AT_ONCE + 2);
    const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` };
    const second = await connect("products", { headers });
    open.push(second);
    const { epoch, seq } = (await second.frame()).data;
    expect(seq).toBe(seqs.at(-1));
    const third = await listenV1({ since: String(Number(seq) - 1), epoch: String(epoch) });
    await first.frames(AT_ONCE);
    release();
    await first.text();
    expect([await second.settle(), seqsIn(await third.settle())]).toEqual([[], [[seq]]]);
  });
});

test("a plain client is sent every event at once, as one frame", async () => {
  const plain = await listen("products");
  open.push(plain);
  const seqs = await publishMany(AT_ONCE + 6);
  expect(seqsIn(await plain.settle())).toEqual(seqs.map((seq) => [seq]));
});

test("[promise 6] an object does not hibernate while events wait", async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  useRealPauses();
  const id = await registerOrder();
  const socket = await listenV1({}, `orders/${id}`);
  for (let n = 0; n < AT_ONCE + 2; n++) await publish(`orders/${id}`, { type: "order_shipped", data: {} });
  await evictDurableObject(orderObject(id));
  let seqs: unknown[] = [];
  await eventually(async () => {
    seqs = [...seqs, ...seqsIn(await socket.settle()).flat()];
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
