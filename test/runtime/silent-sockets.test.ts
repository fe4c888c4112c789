import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** At a user's limit of sockets, a silent one gives way to a new one. */

const LIMIT = 3;
/** Longer than a client that pings may be silent. */
const SILENCE_MS = 80_000;
/** All tests together move the service's clock by many minutes. */
const DAY_SECONDS = 86_400;
let service: Workerd;
beforeAll(async () => {
  const settings = { RATE_LIMITS: "on", MAX_CONNECTIONS_PER_USER: String(LIMIT) };
  service = await startTidings(settings, "test/support/workers/settable-clock.ts");
});
afterAll(() => service.stop());

let path: string;
let token: string;

const open = (subprotocols: string[] = ["tidings.v1"]) =>
  new WebSocket(`${service.url.replace("http", "ws")}/api/v1/ws/${path}?token=${token}`, subprotocols);

async function listen(subprotocols?: string[]): Promise<WebSocket> {
  const socket = open(subprotocols);
  await once(socket, "message");
  return socket;
}

/** Opens as many sockets as a user may have. */
const listenToLimit = (subprotocols?: string[]) =>
  Promise.all(Array.from({ length: LIMIT }, () => listen(subprotocols)));

/** Tries to open one more. @returns Its close code, or null when it was admitted and stays open. */
async function tryOneMore(): Promise<number | null> {
  const socket = open();
  socket.once("close", () => socket.terminate());
  const [data] = await once(socket, "message");
  const frame = JSON.parse(String(data));
  return frame.type === "closing" ? frame.data.code : null;
}

const later = (ms: number) => fetch(`${service.url}/test/later?ms=${ms}`);

/** Sends a message, and a ping whose pong comes after it. The runtime's clock for pings cannot be set. */
async function giveSignOfLife(socket: WebSocket): Promise<void> {
  socket.send('{"type":"ack","seq":0}');
  socket.send("ping");
  await once(socket, "message");
}

/** As a network that dropped: nothing arrives any more, and nothing says so. */
const die = (socket: WebSocket) => socket.pause();

const CHANNELS: [string, () => Promise<{ path: string; token: string }>][] = [
  [
    "an order",
    async () => ({
      path: `orders/${await registerOrderAt(service.url, "alice")}`,
      token: await mintToken({ expiresIn: DAY_SECONDS }),
    }),
  ],
  [
    "products",
    async () => ({
      path: "products",
      token: await mintToken({ subject: crypto.randomUUID(), expiresIn: DAY_SECONDS }),
    }),
  ],
  [
    "an order, with a guest's ticket",
    async () => {
      const order = await registerOrderAt(service.url);
      const answer = await callService(service.url, "POST", `orders/${order}/tickets`, {});
      return { path: `orders/${order}`, token: ((await answer.json()) as { token: string }).token };
    },
  ],
];

describe.each(CHANNELS)("at the limit of sockets of one user: %s", (_, create) => {
  beforeEach(async () => {
    ({ path, token } = await create());
  });

  test("a new socket takes the place of the one that has been silent longest, which may reconnect at once", async () => {
    const [first, dead, last] = (await listenToLimit()) as [WebSocket, WebSocket, WebSocket];
    await later(SILENCE_MS);
    await Promise.all([first, last].map(giveSignOfLife));
    const closing = once(dead, "message");
    expect(await tryOneMore()).toBe(null);
    expect(JSON.parse(String((await closing)[0])).data).toMatchObject({ code: 4200, reason: "Idle timeout" });
    expect([first.readyState, last.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
  });

  test("sockets whose clients ping do not take each other's place: one more is closed with 4110", async () => {
    const sockets = await listenToLimit();
    await later(SILENCE_MS);
    await Promise.all(sockets.map(giveSignOfLife));
    expect(await tryOneMore()).toBe(4110);
    expect(sockets.map(({ readyState }) => readyState)).toEqual(sockets.map(() => WebSocket.OPEN));
  });

  test("plain clients that never ping keep their place, because their silence says nothing", async () => {
    await listenToLimit([]);
    await later(SILENCE_MS);
    expect(await tryOneMore()).toBe(4110);
  });

  test("dead sockets that never answer their close leave room for as many again, not for more, and none once they are gone", async () => {
    const dead: WebSocket[] = await listenToLimit();
    for (let i = 0; i < LIMIT; i++) {
      for (const socket of dead) die(socket);
      await later(SILENCE_MS);
      dead.push(await listen());
    }
    for (const socket of dead) die(socket);
    await later(SILENCE_MS);
    expect(await tryOneMore()).toBe(4110);
    for (const socket of dead) socket.terminate();
    await eventually(async () => expect(await tryOneMore()).toBe(null));
  });
});
