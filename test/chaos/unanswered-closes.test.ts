import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** Limits count what exists: a client that does not answer a close still has its socket. */

const LIMIT = 3;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ RATE_LIMITS: "on", MAX_CONNECTIONS_PER_USER: String(LIMIT) });
});
afterAll(() => service.stop());

async function open(order: string): Promise<WebSocket> {
  const url = `${service.url.replace("http", "ws")}/api/v1/ws/orders/${order}?token=${await mintToken()}`;
  const socket = new WebSocket(url);
  await once(socket, "message");
  return socket;
}

/** Returns the close code of an attempt, or null when it was admitted. */
async function attempt(order: string): Promise<number | null> {
  const url = `${service.url.replace("http", "ws")}/api/v1/ws/orders/${order}?token=${await mintToken()}`;
  const socket = new WebSocket(url);
  const [outcome] = await Promise.race([once(socket, "message").then(() => [null]), once(socket, "close")]);
  socket.terminate();
  return outcome;
}

test("a user's closed sockets count until their clients are gone, and then no more", async () => {
  const order = await registerOrderAt(service.url);
  const sockets = await Promise.all(Array.from({ length: LIMIT }, () => open(order)));
  // They read nothing any more, so they never see the close that they would have to answer.
  for (const socket of sockets) socket.pause();
  const closed = await callService(service.url, "POST", "disconnect", { channel: `order_${order}` });
  expect(await closed.json()).toEqual({ closed: LIMIT });
  expect(await attempt(order)).toBe(4110);
  for (const socket of sockets) socket.terminate();
  await eventually(async () => expect(await attempt(order)).toBe(null));
});
