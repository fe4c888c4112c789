import { expect, test } from "vitest";
import { ACK_REQUEST_AFTER_CHARACTERS } from "../../src/protocol/limits.ts";
import { PLAIN_BYTES_PER_MINUTE } from "../support/low-limits.ts";
import { connect, registerOrder, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY, SCOPED_KEYS } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

/** Plain clients cannot acknowledge, so what they are sent within a minute is bounded. */

const EVENT_BYTES = 20_000;
const note = { type: "order_cancelled", data: { reason: "x".repeat(EVENT_BYTES) } };

/** In one call, so that no minute ends in between; with either of two keys, because publishes per key are limited, too. */
async function publishMany(id: string, count: number, key = PUBLISH_KEY): Promise<void> {
  const events = Array(count).fill({ ...note, channel: `order_${id}` });
  const headers = { Authorization: `Bearer ${key}` };
  expect((await serviceRequest("POST", "/api/v1/publish/batch", { events }, headers)).status).toBe(200);
}

/** An order of a user of its own, because connects per user are limited, too. */
async function orderWithToken(): Promise<{ id: string; token: string }> {
  const subject = crypto.randomUUID();
  return { id: await registerOrder(subject), token: await mintToken({ subject }) };
}

const OTHER_KEY = SCOPED_KEYS.orders;
const within = Math.floor(PLAIN_BYTES_PER_MINUTE / (EVENT_BYTES + 200));

test("a plain client that is sent as much as it may be stays", async () => {
  const { id, token } = await orderWithToken();
  const plain = await connect(`orders/${id}`, { token });
  await plain.frame();
  await publishMany(id, within);
  expect(await plain.frames(within)).toHaveLength(within);
  expect(await plain.settle()).toEqual([]);
});

test("one that is sent more is closed with 4108 and may resume; a tidings.v1 client is not affected", async () => {
  const { id, token } = await orderWithToken();
  const plain = await connect(`orders/${id}`, { token });
  const v1 = await connect(`orders/${id}`, { headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } });
  const { epoch } = (await plain.frame()).data;
  await v1.frame();
  await publishMany(id, within + 1);
  expect(await plain.closed()).toEqual({ code: 4108, reason: "Too slow" });
  expect(await v1.frames(within + 1)).toHaveLength(within + 1);
  const again = await connect(`orders/${id}`, { token, query: { since: String(within), epoch: String(epoch) } });
  expect((await again.frame()).data.resumed).toBe(true);
});

test("[promise 3] a replay that is longer than a plain client may be sent is resumed:false; a tidings.v1 client receives it", async () => {
  const { id, token } = await orderWithToken();
  const first = await connect(`orders/${id}`, { token });
  const query = { since: "0", epoch: String((await first.frame()).data.epoch) };
  first.close();
  await publishMany(id, within + 1);
  const plain = await connect(`orders/${id}`, { token, query });
  expect((await plain.frame()).data).toMatchObject({ resumed: false, seq: within + 1 });
  expect(await plain.settle()).toEqual([]);
  const v1 = await connect(`orders/${id}`, {
    query,
    headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` },
  });
  expect((await v1.frame()).data.resumed).toBe(true);
  expect(await v1.frames(within + 1)).toHaveLength(within + 1);
});

test("a tidings.v1 client that acknowledges without the nonce may be sent as much as a plain one from then on", async () => {
  const { id, token } = await orderWithToken();
  const socket = await connect(`orders/${id}`, {
    headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` },
  });
  await socket.frame();
  const events = Math.ceil(ACK_REQUEST_AFTER_CHARACTERS / EVENT_BYTES);
  await publishMany(id, events, OTHER_KEY);
  expect((await socket.frames(events + 1)).at(-1)).toMatchObject({ type: "ack_request", seq: events });
  socket.send(JSON.stringify({ type: "ack", seq: events }));
  await socket.settle();
  await publishMany(id, within, OTHER_KEY);
  expect(await socket.frames(within)).toHaveLength(within);
  await publishMany(id, 1, OTHER_KEY);
  expect((await socket.frame()).data).toMatchObject({ code: 4108 });
});
