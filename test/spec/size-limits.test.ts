import { afterEach, describe, expect, test } from "vitest";
import {
  MAX_CLIENT_MESSAGE_BYTES,
  MAX_FILTER_PRODUCTS,
  MAX_FILTER_UNITS,
  MAX_TOKEN_LENGTH,
} from "../../src/protocol/frames.ts";
import { MAX_UNACKNOWLEDGED_CHARACTERS } from "../../src/protocol/limits.ts";
import { MAX_EVENT_ID_LENGTH, MAX_PRODUCT_ID_LENGTH } from "../../src/protocol/names.ts";
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  MAX_EVENT_BYTES,
  MAX_JSON_DEPTH,
  type PublishResult,
} from "../../src/protocol/publish.ts";
import { REFUSALS } from "../../src/protocol/refusals.ts";
import { LIMITS } from "../support/documented-limits.ts";
import { connect, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { mintToken, tokenOfLength } from "../support/tokens.ts";

/**
 * Every size limit exactly: the limit passes, one more is refused with the documented code, and another listener of
 * the channel still receives every event. Limits over time are in `test/limits`.
 */

/** A channel, and another client that listens to it. */
interface Place {
  channel: string;
  /** Below `ws/` and `publish/`. */
  path: string;
  bystander: TestSocket;
}

/** How an attempt ended: accepted, or refused with an HTTP status or a close code; and how many events it published. */
interface Result {
  outcome: "accepted" | number;
  /** Events that the bystander has not read yet. */
  events: number;
}

interface Limit {
  /** The row of the documented table. */
  row: string;
  limit: number;
  at: "products" | "order";
  /** What the limit counts, and how to reach it. */
  attempts: Record<string, (amount: number, place: Place) => Promise<Result>>;
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const token = await mintToken();
const open: TestSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function listen(
  path: string,
  query: Record<string, string | string[]> = {},
  protocol?: string,
): Promise<TestSocket> {
  const headers: Record<string, string> = protocol ? { "Sec-WebSocket-Protocol": protocol } : {};
  const socket = await connect(path, { token, query, headers });
  open.push(socket);
  return socket;
}

/**
 * JSON text of an exact number of bytes: `make` embeds the padding, which is made of `character` and filled up with
 * ASCII.
 */
function ofBytes(bytes: number, make: (padding: string) => unknown, character = "x"): string {
  const room = bytes - bytesOf(JSON.stringify(make("")));
  const each = bytesOf(character);
  const text = JSON.stringify(make(character.repeat(Math.floor(room / each)) + "x".repeat(room % each)));
  expect(bytesOf(text)).toBe(bytes);
  return text;
}

interface Rejected {
  status: "rejected";
  error: { status: number };
}

/** Publishes a body unchanged. */
async function post(path: string, body: BodyInit, headers: HeadersInit = {}): Promise<Result> {
  const answer = await request(`/api/v1/publish/${path}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json", ...headers },
    body,
  });
  if (!answer.ok) return { outcome: answer.status, events: 0 };
  const { results = [] } = await answer.json<{ results?: (PublishResult | Rejected)[] }>();
  const rejected = results.find((result) => result.status === "rejected");
  const events = results.filter(({ status }) => status === "applied").length;
  return path === "batch"
    ? { outcome: rejected?.error.status ?? "accepted", events }
    : { outcome: "accepted", events: 1 };
}

/** A body in chunks, without a Content-Length. */
function unannounced(text: string): ReadableStream<Uint8Array> {
  const chunks = text.match(/.{1,1000}/g)?.values();
  return new ReadableStream({
    pull(controller) {
      const { value } = chunks?.next() ?? {};
      if (value === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(value));
    },
  });
}

/**
 * Finds out whether a client's filter now includes a product, or whether the client is closed. Its message may be
 * processed later than a ping sent after it, so this publishes events until one of the two happens.
 */
async function receives(socket: TestSocket, product: string): Promise<Result> {
  for (let events = 0; ; events++) {
    try {
      const texts = await socket.settle();
      if (texts.some((text) => JSON.parse(text).type === "product_deleted")) return { outcome: "accepted", events };
    } catch {
      return { outcome: (await socket.closed()).code, events };
    }
    await publish("products", { type: "product_deleted", data: { product_id: product } });
  }
}

const products = (count: number, length = 1) => Array.from({ length: count }, (_, i) => `€${i}`.padEnd(length, "€"));

/** Ids of about 80 emoji with so many UTF-16 units together. */
function emojiIds(units: number): string[] {
  const ids = Array.from({ length: Math.floor(units / 160) }, (_, i) => `${i + 10}${"🍵".repeat(79)}`);
  ids.push(`${ids.pop()}${"x".repeat(units % 160)}`);
  expect(ids.join("")).toHaveLength(units);
  return ids;
}

/** Connects with a filter. */
async function filterBy(ids: string[]): Promise<Result> {
  return receives(await listen("products", { product_id: ids }), String(ids.at(-1)));
}

/** Sends a message as a client with a filter, because one without receives everything. */
async function sendMessage(message: string, product: string, filter: string | string[] = "another"): Promise<Result> {
  const socket = await listen("products", { product_id: filter });
  socket.send(message);
  return receives(socket, product);
}

/** Adds products to a client's filter with one message. */
const subscribe = (ids: string[], filter: string | string[]) =>
  sendMessage(JSON.stringify({ type: "subscribe", product_ids: ids }), String(ids.at(-1)), filter);

/** A message of so many bytes. */
const subscribeIn = (bytes: number, character?: string) =>
  sendMessage(
    ofBytes(bytes, (padding) => ({ type: "subscribe", product_ids: ["p"], padding }), character),
    "p",
  );

/** `data` of a given depth, alternating objects and arrays. */
function nested(levels: number): object {
  let data: object = {};
  for (let level = levels - 1; level > 0; level--) data = level % 2 === 0 ? [data] : { deeper: data };
  return data;
}

/** An event whose frame has so many bytes, with the longest position. */
function eventOf(bytes: number, channel: string, character = "x"): string {
  const id = crypto.randomUUID();
  const event = (padding: string) => {
    const { type, data } = note(padding);
    return { type, data: { ...data, order_id: channel.slice("order_".length) }, id };
  };
  const frame = { ...event(""), seq: Number.MAX_SAFE_INTEGER, ts: new Date().toISOString() };
  const besides = bytesOf(JSON.stringify(frame)) - bytesOf(JSON.stringify(event("")));
  return ofBytes(bytes - besides, event, character);
}

const note = (padding: string) => ({ type: "order_cancelled", data: { note: padding } });

/** Sends exactly so many characters to a client that never acknowledges; a plain client beside it counts them. */
async function sendUnacknowledged(characters: number, { path, bystander }: Place): Promise<Result> {
  const silent = await listen(path, {}, `tidings.v1, bearer.${token}`);
  await silent.frame();
  let left = characters;
  /** @returns How many characters the frame adds to the note. */
  const publishNote = async (length: number) => {
    await publish(path, note("x".repeat(length)));
    const text = await bystander.text();
    left -= text.length;
    return text.length - length;
  };
  const large = MAX_EVENT_BYTES - 1024;
  while (left > 2 * large) await publishNote(large);
  // The last two frames have a `seq` with the same number of digits.
  const overhead = await publishNote(Math.floor(left / 2));
  await publishNote(left - overhead);
  expect(left).toBe(0);
  try {
    await silent.catchUp();
  } catch {
    return { outcome: (await silent.closed()).code, events: 0 };
  }
  silent.close();
  return { outcome: "accepted", events: 0 };
}

const limits: Limit[] = [
  {
    row: "a client's message",
    limit: MAX_CLIENT_MESSAGE_BYTES,
    at: "products",
    attempts: {
      "bytes of a client's message": (bytes) => subscribeIn(bytes),
      "bytes of a client's message in multi-byte characters": (bytes) => subscribeIn(bytes, "€"),
    },
  },
  {
    row: "a token, when connecting, in a call, and in `authenticate`",
    limit: MAX_TOKEN_LENGTH,
    at: "products",
    attempts: {
      "characters of a token": async (length) => {
        const long = await connect("products", { token: await tokenOfLength(length), query: { product_id: "p" } });
        open.push(long);
        return receives(long, "p");
      },
    },
  },
  {
    row: "products in a filter",
    limit: MAX_FILTER_PRODUCTS,
    at: "products",
    attempts: {
      "products in a filter of a URL": (count) => filterBy(products(count)),
      "products with ids of maximum length in a filter": (count) => filterBy(products(count, MAX_PRODUCT_ID_LENGTH)),
      "products in a filter set by one message": (count) => subscribe(products(count), products(1)),
      "products in a filter that grew by another message": (count) =>
        subscribe(products(count).slice(-1), products(count).slice(0, -1)),
    },
  },
  {
    row: "a filter's product ids together",
    limit: MAX_FILTER_UNITS,
    at: "products",
    attempts: {
      "UTF-16 units of a filter's ids of emoji": (units) => filterBy(emojiIds(units)),
      "UTF-16 units of a filter's ids of emoji that one message makes": (units) =>
        subscribe(emojiIds(units), emojiIds(units).slice(0, 1)),
    },
  },
  {
    row: "an event, as the frame that is sent",
    limit: MAX_EVENT_BYTES,
    at: "order",
    attempts: {
      "bytes of an event": (bytes, { channel, path }) => post(path, eventOf(bytes, channel)),
      "bytes of an event in multi-byte characters": (bytes, { channel, path }) =>
        post(path, eventOf(bytes, channel, "€")),
      "bytes of an event without Content-Length": (bytes, { channel, path }) =>
        post(path, unannounced(eventOf(bytes, channel))),
      "bytes of an event in a batch": (bytes, { channel }) => post("batch", inBatch(channel, eventOf(bytes, channel))),
    },
  },
  {
    row: "the body of a publish call, one event or a batch",
    limit: MAX_BATCH_BYTES,
    at: "order",
    attempts: {
      "bytes of a batch": (bytes, { channel }) => {
        const events = Array(16).fill({ ...note("x".repeat(MAX_EVENT_BYTES - 1024)), channel });
        return post(
          "batch",
          ofBytes(bytes, (padding) => ({ events: [...events, { ...note(padding), channel }] })),
        );
      },
      "bytes of one event's body": (bytes, { path }) => post(path, JSON.stringify(note("x")).padEnd(bytes)),
    },
  },
  {
    row: "events in a batch",
    limit: MAX_BATCH_EVENTS,
    at: "order",
    attempts: {
      "events in a batch": (count, { channel }) =>
        post("batch", JSON.stringify({ events: Array(count).fill({ ...note("x"), channel }) })),
    },
  },
  {
    row: "an event's `id`",
    limit: MAX_EVENT_ID_LENGTH,
    at: "order",
    attempts: {
      "characters of an event's id": (length, { path }) =>
        post(path, JSON.stringify({ ...note("x"), id: "~".repeat(length) })),
      "characters of an Idempotency-Key": (length, { path }) =>
        post(path, JSON.stringify(note("x")), { "Idempotency-Key": "~".repeat(length) }),
    },
  },
  {
    row: "nesting of `data`",
    limit: MAX_JSON_DEPTH,
    at: "order",
    attempts: {
      "levels of data": (levels, { path }) => post(path, JSON.stringify({ ...note(""), data: nested(levels) })),
    },
  },
  {
    row: "unacknowledged characters sent to a `tidings.v1` client, replays excluded",
    limit: MAX_UNACKNOWLEDGED_CHARACTERS,
    at: "order",
    attempts: { "characters that a tidings.v1 client has not acknowledged": sendUnacknowledged },
  },
];

/** One event, given as text, in a batch. */
const inBatch = (channel: string, event: string) => `{"events":[${event.slice(0, -1)},"channel":"${channel}"}]}`;

async function placeAt(at: Limit["at"]): Promise<Place> {
  const id = at === "order" ? await registerOrder() : "";
  const path = at === "order" ? `orders/${id}` : "products";
  const bystander = await listen(path);
  await bystander.frame();
  return { channel: at === "order" ? `order_${id}` : "products", path, bystander };
}

/** The bystander receives so many events and one that is published now, and nothing else. */
async function expectReceived({ path, bystander }: Place, events: number): Promise<void> {
  const next =
    path === "products"
      ? { type: "product_deleted", data: { product_id: "next" } }
      : { type: "order_shipped", data: {} };
  const { id, seq } = await publish(path, next);
  const received: Frame[] = await bystander.frames(events + 1);
  expect(received.at(-1)?.id).toBe(id);
  expect(received.map((frame) => frame.seq)).toEqual(received.map((_, i) => Number(seq) - events + i));
  expect(await bystander.settle()).toEqual([]);
}

describe("[promise 5] exactly at the limit", () => {
  for (const { limit, row, at, attempts } of limits) {
    const reason = LIMITS.find((one) => one.what === row)?.refusal;
    const { status = null, close = null } = reason ? REFUSALS[reason] : {};
    const code = at === "products" || status === null ? close : status;
    for (const [what, attempt] of Object.entries(attempts)) {
      test(`${limit.toLocaleString("en")} ${what} are accepted, one more is refused with ${code}, and other listeners miss nothing`, async () => {
        const place = await placeAt(at);
        const most = await attempt(limit, place);
        expect(most.outcome).toBe("accepted");
        await expectReceived(place, most.events);
        const tooMuch = await attempt(limit + 1, place);
        expect(tooMuch.outcome).toBe(code);
        await expectReceived(place, tooMuch.events);
      });
    }
  }

  test("every documented limit that is not about rates or connections has a test", () => {
    const here = new Set(limits.map(({ row }) => row));
    const elsewhere = LIMITS.filter(({ what }) => !here.has(what)).map(({ refusal }) => refusal);
    expect(new Set(elsewhere)).toEqual(new Set(["too_many_connections", "rate_limited", "too_slow", "unavailable"]));
    expect(here.size).toBe(LIMITS.length - elsewhere.length);
  });
});

test("[promise 5] an oversized event in a batch is rejected alone; the others are applied", async () => {
  const { channel, bystander } = await placeAt("order");
  const large = { ...note("x".repeat(MAX_EVENT_BYTES)), channel };
  const small = { ...note("x"), channel };
  const answer = await serviceRequest("POST", "/api/v1/publish/batch", { events: [small, large, small] });
  const { results } = await answer.json<{ results: { status: string }[] }>();
  expect(results.map(({ status }) => status)).toEqual(["applied", "rejected", "applied"]);
  expect((await bystander.frames(2)).map(({ seq }) => seq)).toEqual([1, 2]);
});
