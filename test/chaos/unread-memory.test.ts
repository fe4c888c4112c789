import { afterAll, beforeAll, expect, test } from "vitest";
import { type RawData, WebSocket } from "ws";
import { MAX_PLAIN_BYTES_PER_OBJECT_MINUTE } from "../../src/protocol/limits.ts";
import { eventually } from "../support/eventually.ts";
import { callService } from "../support/node-client.ts";
import { residentBytes } from "../support/processes.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/**
 * What clients do not read stays in the service's memory. Here 80 MB are published to 200 listeners of one channel: 20
 * plain clients and 20 of `tidings.v1` read nothing, the latter acknowledge it all the same, and 160 read.
 */

const MB = 1e6;
const PUBLISHED_BYTES = 80 * MB;
const EVENT_BYTES = 60_000;
const EVENTS_A_BATCH = 8;
const [UNREAD, READING] = [20, 160];
/** What the runtime and the service need for so much traffic when every client reads: measured 220 MB. */
const USUAL_GROWTH_BYTES = 300 * MB;
/** Until an acknowledgement is missed or refused: four times what a client may have unread. */
const PER_BLIND_CLIENT_BYTES = 16 * MB;

let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ MAX_PLAIN_BYTES_PER_MINUTE: String(4 * 1024 * 1024) });
});
afterAll(() => service.stop());

async function open(subprotocols: string[]): Promise<WebSocket> {
  const token = await mintToken({ subject: crypto.randomUUID() });
  const url = `${service.url.replace("http", "ws")}/api/v1/ws/products?token=${token}`;
  const socket = new WebSocket(url, subprotocols, { perMessageDeflate: false });
  await new Promise((resolve) => socket.once("message", resolve));
  return socket;
}

const openMany = (count: number, subprotocols: string[]) =>
  Promise.all(Array.from({ length: count }, () => open(subprotocols)));

/** A client that reads everything and acknowledges when asked. */
class Reader {
  /** The last event's. Events of this size arrive one per message. */
  seq = 0;
  isWhole = true;

  constructor(socket: WebSocket) {
    socket.on("message", (data: RawData) => {
      const message = data as Buffer;
      const start = message.toString("utf8", 0, 25);
      if (start.startsWith('{"type":"ack_request"')) {
        socket.send(JSON.stringify({ ...JSON.parse(String(message)), type: "ack" }));
        return;
      }
      const seq = Number(/"seq":(\d+)/.exec(message.toString("utf8", message.length - 100))?.[1]);
      this.isWhole &&= seq === this.seq + 1;
      this.seq = seq;
    });
    socket.on("close", () => {
      this.isWhole = false;
    });
  }
}

test.skipIf(process.platform !== "linux")(
  "[promise 5] clients that do not read cost bounded memory, and the others miss nothing",
  async () => {
    const plain = await openMany(UNREAD, []);
    const blind = await openMany(UNREAD, ["tidings.v1"]);
    for (const socket of [...plain, ...blind]) socket.pause();
    const readers = (await openMany(READING, ["tidings.v1"])).map((socket) => new Reader(socket));
    const before = residentBytes(service.pid);
    let growth = 0;
    let seq = 0;
    const description = "x".repeat(EVENT_BYTES);
    const event = { channel: "products", type: "product_updated", data: { product_id: "p", description } };
    while (seq * EVENT_BYTES < PUBLISHED_BYTES) {
      const answer = await callService(service.url, "POST", "publish/batch", {
        events: Array(EVENTS_A_BATCH).fill(event),
      });
      expect(answer.status).toBe(200);
      await answer.text();
      seq += EVENTS_A_BATCH;
      for (const socket of blind) socket.send(JSON.stringify({ type: "ack", seq }));
      await eventually(() => expect(readers.every((reader) => reader.seq === seq || !reader.isWhole)).toBe(true));
      growth = Math.max(growth, residentBytes(service.pid) - before);
    }
    console.log(`${PUBLISHED_BYTES / MB} MB published: the runtime grew by ${Math.round(growth / MB)} MB`);
    expect(readers.filter((reader) => reader.isWhole && reader.seq === seq)).toHaveLength(READING);
    // The run takes one minute, or touches two.
    const unread = 2 * MAX_PLAIN_BYTES_PER_OBJECT_MINUTE + UNREAD * PER_BLIND_CLIENT_BYTES;
    expect(growth).toBeLessThan(USUAL_GROWTH_BYTES + unread);
  },
);
