import { setTimeout } from "node:timers/promises";
import pMap from "p-map";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PRODUCTS_CHANNEL } from "../../src/protocol/names.ts";
import { socketPath } from "../../src/protocol/paths.ts";
import { CountingSocket } from "../bench/client/counting-socket.ts";
import { type Dialect, PLAIN, TIDINGS_V1 } from "../bench/client/dialects.ts";
import { CALLS_AT_ONCE, closeSockets } from "../bench/client/listeners.ts";
import { eventually } from "../support/eventually.ts";
import { callService } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** What coalescing saves: 250 listeners of products and 50 events a second, one publish each. */

const LISTENERS = 250;
const EVENTS_PER_SECOND = 50;
const SECONDS = 4;

let service: Workerd;
beforeAll(async () => {
  service = await startTidings({}, undefined, { isQuiet: true });
});
afterAll(() => service.stop());

function listenMany(count: number, dialect: Dialect): Promise<CountingSocket[]> {
  const open = async () => {
    const token = await mintToken({ subject: crypto.randomUUID(), expiresIn: 3600 });
    return CountingSocket.open(service.url, `${socketPath(PRODUCTS_CHANNEL)}?token=${token}`, dialect);
  };
  return pMap(Array(count).keys(), open, { concurrency: CALLS_AT_ONCE });
}

async function publish(n: number): Promise<void> {
  const event = { type: "inventory_updated", data: { product_id: `p-${n % 100}`, new_quantity: n } };
  await (await callService(service.url, "POST", "publish/products", event)).text();
}

test("the messages that coalescing saves are printed", async () => {
  for (const [kind, dialect] of [
    ["plain", PLAIN],
    ["tidings.v1", TIDINGS_V1],
  ] as const) {
    const sockets = await listenMany(LISTENERS, dialect);
    const events = EVENTS_PER_SECOND * SECONDS;
    let received = 0;
    const [reader] = sockets;
    if (reader)
      reader.onText = (text) => {
        received += dialect.eventsIn(text).length;
      };
    const started = performance.now();
    await Promise.all(
      Array.from({ length: events }, async (_, n) => {
        await setTimeout((n * 1000) / EVENTS_PER_SECOND);
        await publish(n);
      }),
    );
    await eventually(() => expect(received).toBe(events), 60_000);
    const seconds = (performance.now() - started) / 1000;
    const messages = sockets.reduce((sum, socket) => sum + socket.messages - 1, 0);
    const perSecond = (count: number) => Math.round(count / seconds).toLocaleString("en");
    console.log(
      `${perSecond(events)} events a second to ${LISTENERS} ${kind} listeners: ${perSecond(messages)} messages a second`,
    );
    if (dialect === TIDINGS_V1) expect(messages).toBeLessThan((LISTENERS * events) / 4);
    await closeSockets(sockets);
  }
});
