import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import {
  ACK_REQUEST_AFTER_CHARACTERS,
  CLIENT_MESSAGES_BURST,
  MAX_REPLAY_CHARACTERS,
  MAX_UNACKNOWLEDGED_CHARACTERS,
} from "../../src/protocol/limits.ts";
import { eventually } from "../support/eventually.ts";
import { connect, listen, orderObject, registerOrder, serviceRequest } from "../support/service.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** Flow control: a client that reads too slowly is asked to acknowledge, and closed when it does not. */

const NOTE_CHARACTERS = 50_000;
const EVENTS_A_BATCH = 16;
const token = await mintToken();

const listenV1 = (id: string, query: Record<string, string> = {}) =>
  connect(`orders/${id}`, { query, headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } });

/** Publishes large events of at least this many characters in total. @returns The number of events. */
async function publishMuch(id: string, characters: number): Promise<number> {
  let events = 0;
  while (events * NOTE_CHARACTERS < characters) {
    const event = { channel: `order_${id}`, type: "order_cancelled", data: { reason: "x".repeat(NOTE_CHARACTERS) } };
    const body = JSON.stringify({ events: Array(EVENTS_A_BATCH).fill(event) });
    expect((await serviceRequest("POST", "/api/v1/publish/batch", body)).status).toBe(200);
    events += EVENTS_A_BATCH;
  }
  return events;
}

/** Reads so many events and everything sent right after them; acknowledges every request if it should. */
async function read(
  socket: TestSocket,
  count: number,
  acknowledges: boolean,
): Promise<{ seqs: number[]; requests: Frame[] }> {
  const seqs: number[] = [];
  const requests: Frame[] = [];
  const take = (text: string) => {
    for (const frame of [JSON.parse(text)].flat() as Frame[]) {
      if (frame.type === "ack_request") requests.push(frame);
      else seqs.push(frame.seq);
      if (frame.type === "ack_request" && acknowledges) socket.send(JSON.stringify({ ...frame, type: "ack" }));
    }
  };
  while (seqs.length < count) take(await socket.text());
  for (const text of await socket.settle()) take(text);
  return { seqs, requests };
}

describe("a tidings.v1 client", () => {
  test("that acknowledges stays open, however much it is sent, and its acks do not count as messages", async () => {
    const id = await registerOrder();
    const socket = await listenV1(id);
    await socket.frame();
    let asked = 0;
    let sent = 0;
    while (asked <= CLIENT_MESSAGES_BURST) {
      const events = await publishMuch(id, ACK_REQUEST_AFTER_CHARACTERS);
      asked += (await read(socket, events, true)).requests.length;
      sent += events * NOTE_CHARACTERS;
    }
    expect(sent).toBeGreaterThan(MAX_UNACKNOWLEDGED_CHARACTERS);
    expect(await socket.settle()).toEqual([]);
    socket.close();
  });

  test("[promise 3] [promise 5] that does not acknowledge is closed with 4108, and misses nothing when it reconnects", async () => {
    const id = await registerOrder();
    const socket = await listenV1(id);
    const { epoch } = (await socket.frame()).data;
    const events = await publishMuch(id, MAX_UNACKNOWLEDGED_CHARACTERS + ACK_REQUEST_AFTER_CHARACTERS);
    expect(await socket.closed()).toEqual({ code: 4108, reason: "Too slow" });
    const back = await listenV1(id, { since: "0", epoch: String(epoch) });
    expect((await back.frame()).data.resumed).toBe(true);
    expect((await read(back, events, true)).seqs).toEqual(Array.from({ length: events }, (_, i) => i + 1));
    back.close();
  });

  test("is asked once until it acknowledges, and unsolicited acks count as messages", async () => {
    const id = await registerOrder();
    const socket = await listenV1(id);
    await socket.frame();
    const { requests } = await read(socket, await publishMuch(id, 2 * ACK_REQUEST_AFTER_CHARACTERS), false);
    expect(requests).toHaveLength(1);
    for (let i = 0; i <= CLIENT_MESSAGES_BURST; i++) socket.send('{"type":"ack","seq":0}');
    expect((await socket.closed()).code).toBe(4129);
  });

  test("[promise 5] that acknowledges with a guessed nonce is closed with 4108 like one that does not", async () => {
    const id = await registerOrder();
    const socket = await listenV1(id);
    await socket.frame();
    let seq = 0;
    while (seq * NOTE_CHARACTERS <= MAX_UNACKNOWLEDGED_CHARACTERS) {
      seq += await publishMuch(id, NOTE_CHARACTERS);
      if (seq % (2 * EVENTS_A_BATCH) === 0) {
        socket.send(JSON.stringify({ type: "ack", seq, nonce: crypto.randomUUID() }));
      }
    }
    expect(await socket.closed()).toEqual({ code: 4108, reason: "Too slow" });
  });

  test("may acknowledge after the object has hibernated", async () => {
    const id = await registerOrder();
    const socket = await listenV1(id);
    await socket.frame();
    const { requests } = await read(socket, await publishMuch(id, ACK_REQUEST_AFTER_CHARACTERS), false);
    await evictDurableObject(orderObject(id));
    socket.send(JSON.stringify({ ...requests[0], type: "ack" }));
    expect(await socket.settle()).toEqual([]);
    socket.close();
  });
});

describe("a long replay", () => {
  const replayTo = async (id: string, epoch: unknown, bearer = token) => {
    const headers = { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${bearer}` };
    const socket = await connect(`orders/${id}`, { query: { since: "0", epoch: String(epoch) }, headers });
    return { socket, isResumed: (await socket.frame()).data.resumed };
  };

  test("[promise 5] is sent to a user twice until one is acknowledged, and to others", async () => {
    const id = await registerOrder();
    const { epoch } = (await (await listenV1(id)).frame()).data;
    const events = await publishMuch(id, (2 * MAX_REPLAY_CHARACTERS) / 3);
    const first = await replayTo(id, epoch);
    const { seqs, requests } = await read(first.socket, events, false);
    expect(seqs).toHaveLength(events);
    expect(requests).toEqual([{ type: "ack_request", seq: events, nonce: expect.any(String) }]);
    // As after a network that was lost during a replay, with the former socket still open.
    expect((await replayTo(id, epoch)).isResumed).toBe(true);
    expect((await replayTo(id, epoch)).isResumed).toBe(false);
    expect((await replayTo(id, epoch, await adminToken())).isResumed).toBe(true);

    // Without the nonce, it may be a guess.
    first.socket.send(JSON.stringify({ ...requests[0], nonce: undefined, type: "ack" }));
    expect((await replayTo(id, epoch)).isResumed).toBe(false);
    first.socket.close();
    await first.socket.closed();
    const third = await replayTo(id, epoch);
    expect(third.isResumed).toBe(true);
    await read(third.socket, events, true);
    await eventually(async () => expect((await replayTo(id, epoch)).isResumed).toBe(true));
  });

  test("[promise 3] leaves room for as many events as no replay does", async () => {
    const id = await registerOrder();
    const { epoch } = (await (await listenV1(id)).frame()).data;
    const missed = await publishMuch(id, MAX_REPLAY_CHARACTERS / 2);
    const { socket } = await replayTo(id, epoch);
    const events = await publishMuch(id, MAX_UNACKNOWLEDGED_CHARACTERS - 2 * EVENTS_A_BATCH * NOTE_CHARACTERS);
    expect((await read(socket, missed + events, true)).seqs).toHaveLength(missed + events);
  });
});

test("a plain client is never asked to acknowledge, because it could not", async () => {
  const id = await registerOrder();
  const socket = await listen(`orders/${id}`, { token });
  const { requests } = await read(
    socket,
    await publishMuch(id, MAX_UNACKNOWLEDGED_CHARACTERS + ACK_REQUEST_AFTER_CHARACTERS),
    false,
  );
  expect(requests).toEqual([]);
  socket.close();
});
