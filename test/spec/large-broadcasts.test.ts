import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MAX_WAIT_FOR_LISTENERS_MS } from "../../src/channels/deliver.ts";
import {
  MAX_QUEUED_CHARACTERS,
  MAX_SLICE_CHARACTERS,
  MAX_SLICE_MESSAGES,
} from "../../src/channels/listeners/slices.ts";
import { ProductsChannel } from "../../src/channels/products/products-channel.ts";
import { COALESCED_MESSAGES_PER_SECOND } from "../../src/protocol/limits.ts";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { holdPauses, shortenTimeLimit } from "../support/pauses.ts";
import { listen, productsObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { atRoot } from "../support/shards/sharded-channel.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** A broadcast too large for one turn reaches some listeners at once and the others later. Here, later is held back. */

/** A turn serves two listeners. */
const EVENTS = MAX_SLICE_MESSAGES / 2;
const EVENT = { type: "product_updated", data: { product_id: "large" } };

const open: TestSocket[] = [];
let release: () => void = () => {};
beforeEach(() => {
  release = () => {};
});
afterEach(() => {
  release();
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const socket of open.splice(0)) socket.close();
});

/** Opens more listeners than one turn serves; the last one has to wait. */
async function listenMany(subject: string, query: Record<string, string> = {}): Promise<[TestSocket, TestSocket]> {
  const one = async (user: string) => {
    const socket = await listen("products", { token: await mintToken({ subject: user }), query });
    open.push(socket);
    return socket;
  };
  const first = await one("first");
  await one("second");
  return [first, await one(subject)];
}

/** Publishes a large batch and holds all turns but the first. */
function publishLarge(): Promise<PublishResult[]> {
  release = holdPauses();
  return publishBatch(Array(EVENTS).fill({ ...EVENT, channel: "products" }));
}

function publishBatch(events: object[]): Promise<PublishResult[]> {
  return serviceRequest("POST", "/api/v1/publish/batch", { events }).then(
    async (response) => (await response.json<{ results: PublishResult[] }>()).results,
  );
}

const seqsOf = (frames: Frame[]) => frames.map(({ seq }) => seq);

describe("a broadcast of several turns", () => {
  test("[promise 2] reaches every listener in order with the next one, and the answers follow with exact receivers", async () => {
    const [first, last] = await listenMany("last");
    const large = publishLarge();
    const seqs = seqsOf(await first.frames(EVENTS));
    expect(last.drain()).toEqual([]);
    const delivered = vi.spyOn(ProductsChannel.prototype, "deliver");
    const small = publish("products", { type: "product_deleted", data: { product_id: "small" } });
    await eventually(() => expect(delivered).toHaveBeenCalled());
    const newcomer = await listen("products");
    open.push(newcomer);
    expect(await newcomer.settle()).toEqual([]);
    expect(await Promise.race([large, small, last.settle()])).toEqual([]);
    release();
    const { seq, receivers } = await small;
    expect(seqsOf(await last.frames(EVENTS + 1))).toEqual([...seqs, seq]);
    expect(seqsOf(await first.frames(1))).toEqual([seq]);
    expect((await large).map((result) => [result.seq, result.receivers])).toEqual(seqs.map((seq) => [seq, 3]));
    expect(receivers).toBe(3);
    expect(await newcomer.settle()).toEqual([]);
  });

  test("sends nothing to a listener who was disconnected meanwhile, or whose token has expired", async () => {
    stopClock();
    const [first, disconnected] = await listenMany("disconnected");
    const token = await mintToken({ expiresIn: 60 });
    const expired = await listen("products", { token });
    open.push(expired);
    const large = publishLarge();
    await first.frames(EVENTS);
    await serviceRequest("POST", "/api/v1/disconnect", { channel: "products", user_id: "disconnected" });
    expect((await disconnected.closed()).code).toBe(4001);
    advanceClock(61_000);
    release();
    expect((await expired.closed()).code).toBe(4001);
    expect([...disconnected.drain(), ...expired.drain()]).toEqual([]);
    expect((await large)[0]?.receivers).toBe(2);
  });

  test("[promise 3] comes before the frame of a new epoch that began meanwhile, whose announcement does not wait for it", async () => {
    const [first, last] = await listenMany("last");
    const large = publishLarge();
    await first.frames(EVENTS);
    await productsObject().declareGap(Date.now() + 1000);
    const late = publish("products", { type: "product_deleted", data: { product_id: "small" } });
    expect(await last.settle()).toEqual([]);
    release();
    await Promise.all([large, late]);
    const frames = await last.frames(EVENTS + 2);
    expect(frames.slice(0, EVENTS).every(({ type }) => type === EVENT.type)).toBe(true);
    expect(frames[EVENTS]?.type).toBe("connection_established");
    expect(frames[EVENTS]?.data.seq).toBe(frames[EVENTS - 1]?.seq);
    expect(frames[EVENTS + 1]?.data.product_id).toBe("small");
  });

  test("[promise 3] reaches a tidings.v1 client once, while events wait for others and one is served ahead of its turn", async () => {
    stopClock();
    release = holdPauses();
    await listenMany("third");
    const listenV1 = async (product_id?: string) => {
      const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` };
      const socket = await listen("products", { headers, query: product_id ? { product_id } : {} });
      open.push(socket);
      return socket;
    };
    const [waits, ahead] = [await listenV1(), await listenV1()];
    // Keeps events waiting; the large batch is not for it.
    await listenV1("quiet");
    const seqs: (number | null)[] = [];
    const quiet = { type: "product_updated", data: { product_id: "quiet" } };
    for (let n = 0; n <= COALESCED_MESSAGES_PER_SECOND; n++) seqs.push((await publish("products", quiet)).seq);
    const delivered = vi.spyOn(ProductsChannel.prototype, "deliver");
    const data = { ...EVENT.data, text: "x".repeat(500) };
    const large = publishBatch(Array(EVENTS).fill({ ...EVENT, data, channel: "products" }));
    await eventually(() => expect(delivered).toHaveBeenCalledTimes(1));
    const small = publish("products", { type: "product_deleted", data: { product_id: "small" } });
    await eventually(() => expect(delivered).toHaveBeenCalledTimes(2));
    ahead.send('{"type":"ping"}');
    await eventually(() => expect(ahead.drain().join()).toContain("pong"));
    release();
    seqs.push(...(await large).map(({ seq }) => seq), (await small).seq);
    const inOrder = (await waits.settle()).flatMap((text) => [JSON.parse(text)].flat() as Frame[]);
    const isEvent = ({ type }: Frame) => type.startsWith("product_");
    expect(seqsOf(inOrder.filter(isEvent))).toEqual(seqs);
  });

  test("is subject to the filter at the time it was published", async () => {
    const [first, last] = await listenMany("last", { product_id: EVENT.data.product_id });
    const large = publishLarge();
    await first.frames(EVENTS);
    last.send(JSON.stringify({ type: "unsubscribe", product_ids: [EVENT.data.product_id] }));
    expect(await last.frames(EVENTS)).toHaveLength(EVENTS);
    release();
    await large;
    expect(await last.settle()).toEqual([]);
  });

  test("forgets a listener that changes its filter after its token has expired, with its new filter", async () => {
    stopClock();
    const query = { product_id: EVENT.data.product_id };
    const [first] = await listenMany("last", query);
    const expired = await listen("products", { token: await mintToken({ expiresIn: 60 }), query });
    open.push(expired);
    const large = publishLarge();
    await first.frames(EVENTS);
    advanceClock(61_000);
    expired.send(JSON.stringify({ type: "subscribe", product_ids: ["added"] }));
    expect((await expired.closed()).code).toBe(4001);
    expect(await atRoot(({ core }) => core.listeners.products)).toEqual([EVENT.data.product_id]);
    release();
    await large;
  });
});

test("[promise 5] a gap is announced over several turns when many clients are sent their waiting events first", async () => {
  stopClock();
  release = holdPauses();
  const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` };
  const sockets = await Promise.all(Array.from({ length: 20 }, () => listen("products", { headers })));
  open.push(...sockets);
  for (let n = 0; n < COALESCED_MESSAGES_PER_SECOND; n++) await publish("products", EVENT);
  const text = "x".repeat(62_000);
  await publishBatch(Array(4).fill({ channel: "products", type: EVENT.type, data: { ...EVENT.data, text } }));
  for (const socket of sockets) expect(JSON.stringify(await socket.settle())).not.toContain(text);
  await productsObject().declareGap(Date.now() + 1000);
  const received = await Promise.all(sockets.map(async (socket) => (await socket.settle()).join()));
  const waiting = sockets.filter((_, i) => received[i] === "");
  expect(sockets.length - waiting.length).toBe(Math.ceil(MAX_SLICE_CHARACTERS / (4 * text.length)));
  release();
  for (const socket of waiting) expect(await socket.text()).toContain(text);
});

test("[promise 5] another channel's publish does not wait for a broadcast of several turns", async () => {
  const [, last] = await listenMany("last");
  const order = await registerOrder();
  const large = publishLarge();
  expect((await publish(`orders/${order}`, { type: "order_shipped", data: {} })).status).toBe("applied");
  expect(await last.settle()).toEqual([]);
  release();
  await large;
});

test("a publisher is answered after five seconds, with the receivers so far, and the others follow", async () => {
  shortenTimeLimit(MAX_WAIT_FOR_LISTENERS_MS);
  const [, last] = await listenMany("last");
  expect((await publishLarge()).map(({ status, receivers }) => [status, receivers])).toEqual(
    Array(EVENTS).fill(["applied", 2]),
  );
  expect(await last.settle()).toEqual([]);
  release();
  expect(await last.frames(EVENTS)).toHaveLength(EVENTS);
});

test("[promise 5] events beyond what may wait are refused with 503 and stored nowhere; later they are accepted", async () => {
  shortenTimeLimit(MAX_WAIT_FOR_LISTENERS_MS);
  await listenMany("last");
  const last = (await publishLarge()).at(-1);
  const text = "x".repeat(63_000);
  const batch = Array(15).fill({ channel: "products", type: EVENT.type, data: { ...EVENT.data, text } });
  let accepted = 0;
  while ((await publishBatch(batch))[0]?.status === "applied") accepted++;
  expect(accepted).toBe(Math.ceil(MAX_QUEUED_CHARACTERS / (batch.length * text.length)));
  const small = { type: "product_deleted", data: { product_id: "small" }, id: "small" };
  const refused = await serviceRequest("POST", "/api/v1/publish/products", small);
  expect([refused.status, refused.headers.has("Retry-After")]).toEqual([503, true]);
  release();
  const { status, seq } = await eventually(() => publish("products", small));
  expect([status, seq]).toEqual(["applied", Number(last?.seq) + accepted * batch.length + 1]);
});
