import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { sharedTabs } from "../../src/client/tabs.ts";
import { registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder } from "./support/listener.ts";

/** How a connection that tabs share begins. The tabs themselves are tested in a browser. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

const open: { close(): void }[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});
const listen = async (getToken: () => Promise<string>) => {
  const id = await registerOrderAt(service.url);
  const tuning = { connectTimeoutMs: 2000 };
  const listener = listenToOrder(service.url, id, { shared: sharedTabs(), getToken, tuning });
  open.push(listener.connection);
  return listener;
};

test("a token that never comes is asked for again", async () => {
  let asked = 0;
  const { heard } = await listen(() => (++asked === 1 ? new Promise(() => {}) : mintToken()));
  await heard.reaches("live");
  expect(asked).toBe(2);
});

test("one that is closed and begun anew before the token came has one socket", async () => {
  let asked = 0;
  const { promise: isDown, reject: fail } = Promise.withResolvers<string>();
  const { connection, heard } = await listen(() => (++asked <= 2 ? isDown : mintToken()));
  connection.close();
  connection.reconnect();
  fail(new Error("the shop's backend is down"));
  await heard.reaches("live");
  // Once for each beginning, and once for the socket.
  expect(asked).toBe(3);
});
