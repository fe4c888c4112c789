import { createServer, type Server, type ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../support/eventually.ts";
import { listenOnLoopback } from "../support/loopback.ts";
import { NodeListener, registerOrderAt } from "../support/node-client.ts";
import { makeKey, signWith } from "../support/signing-keys.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { keepIfLong } from "./results.ts";

/** The key endpoint of the login service is down while many clients connect. */

const key = await makeKey("ES256");
const token = await signWith(key);
/** Connections at a time; each is a socket of this process and one of the service. */
const CROWD = Number(process.env.STORM_PAGES ?? 500);

let endpoint: Server;
let service: Workerd;
let fetches: number;
let answer: (response: ServerResponse) => void;
const hang = () => {};
const fail = (response: ServerResponse) => response.writeHead(500).end();
const recover = (response: ServerResponse) => response.end(JSON.stringify({ keys: [key.publicJwk] }));

beforeEach(async () => {
  fetches = 0;
  answer = fail;
  endpoint = createServer((_, response) => {
    fetches += 1;
    answer(response);
  });
  const url = await listenOnLoopback(endpoint);
  service = await startTidings({ JWKS_URL: `${url}/jwks.json`, JWT_ALGORITHMS: "HS256,ES256" });
});
afterEach(async () => {
  await service.stop();
  endpoint.closeAllConnections();
  endpoint.close();
});

/** @returns 101 when the handshake succeeded, otherwise its HTTP status. */
function connectStatus(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const socket = new WebSocket(`${service.url.replace("http", "ws")}/api/v1/ws/products?token=${token}`);
  socket.on("open", () => {
    socket.close();
    resolve(101);
  });
  socket.on("unexpected-response", (_, response) => {
    response.resume();
    resolve(Number(response.statusCode));
  });
  socket.on("error", reject);
  return promise;
}

const crowd = async () => new Set(await Promise.all(Array.from({ length: CROWD }, connectStatus)));

test("thousands of connections during an outage cause a few fetches; all are answered 503, and accepted after the outage", async () => {
  const start = Date.now();
  answer = hang;
  expect(await crowd()).toEqual(new Set([503]));
  expect(fetches).toBe(1);

  answer = fail;
  for (let n = 0; n < 8; n++) {
    expect(await crowd()).toEqual(new Set([503]));
    await wait(1000);
  }
  // The first fetch hangs for 5 s; later ones follow after 5 s, 10 s, 20 s …
  const seconds = (Date.now() - start) / 1000;
  expect(fetches).toBeLessThanOrEqual(2 + Math.floor(seconds / 10));
  const connections = 9 * CROWD;
  console.log(`${connections} connections in ${Math.round(seconds)} s caused ${fetches} fetches`);
  keepIfLong("storm", { login: { pages: CROWD, connections, seconds: Math.round(seconds), fetches } });

  answer = recover;
  await expect.poll(connectStatus, { timeout: 65_000, interval: 500 }).toBe(101);
  const before = fetches;
  expect(await crowd()).toEqual(new Set([101]));
  expect(fetches).toBe(before);
});

test("a client that leaves while its request fetches the keys does not keep later requests from fetching them", async () => {
  answer = hang;
  const leaving = new AbortController();
  const headers = { Authorization: `Bearer ${token}` };
  const url = `${service.url}/api/v1/orders/${crypto.randomUUID()}`;
  const left = fetch(url, { headers, signal: leaving.signal }).catch(() => "left");
  await eventually(() => expect(fetches).toBe(1));
  leaving.abort();
  expect(await left).toBe("left");
  answer = recover;
  const status = async () => (await fetch(url, { headers })).status;
  await expect.poll(status, { timeout: 50_000, interval: 500 }).toBe(404);
});

test("a connection that sends a new token during an outage is closed with 4200 (reconnect), not 4001", async () => {
  const order = await registerOrderAt(service.url);
  const url = `${service.url.replace("http", "ws")}/api/v1/ws/orders/${order}?token=${await mintToken()}`;
  const listener = new NodeListener(url, []);
  await listener.established;
  listener.send(JSON.stringify({ type: "authenticate", token }));
  expect((await listener.closed.promise).code).toBe(4200);
});

test("a connection that sends a token signed with a brand-new key is closed with 4200 while the keys may not be fetched yet", async () => {
  answer = recover;
  expect(await connectStatus()).toBe(101);
  const next = await makeKey("ES256");
  answer = (response) => response.end(JSON.stringify({ keys: [key.publicJwk, next.publicJwk] }));
  const order = await registerOrderAt(service.url);
  const url = `${service.url.replace("http", "ws")}/api/v1/ws/orders/${order}?token=${token}`;
  const listener = new NodeListener(url, []);
  await listener.established;
  listener.send(JSON.stringify({ type: "authenticate", token: await signWith(next) }));
  expect((await listener.closed.promise).code).toBe(4200);
  expect(fetches).toBe(1);
});
