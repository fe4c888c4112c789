import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { CLIENT_MESSAGES_BURST, CLIENT_MESSAGES_PER_SECOND } from "../../src/protocol/limits.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import {
  CONNECTIONS_PER_CHANNEL,
  CONNECTIONS_PER_USER,
  CONNECTS_PER_ADDRESS,
  CONNECTS_PER_USER,
  PUBLISHES_PER_KEY,
} from "../support/low-limits.ts";
import { connect, ORIGIN, orderObject, registerOrder, request, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY, TEST_ENV } from "../support/test-env.ts";
import type { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** Each limit is accepted exactly, one more is refused with its code, and others are not affected. */

afterEach(() => {
  vi.useRealTimers();
});

const TOO_MANY = { code: 4110, reason: "Too many connections" };
const TOO_OFTEN = { code: 4129, reason: "Too many requests" };

const user = () => `user-${crypto.randomUUID()}`;
const admin = () => mintToken({ subject: user(), role: "admin" });

async function listening(socket: TestSocket): Promise<void> {
  expect((await socket.frame()).type).toBe("connection_established");
}

describe("[promise 5] sockets of one user in one channel:", () => {
  test(`${CONNECTIONS_PER_USER} are accepted, one more is closed with 4110, and another user's is accepted`, async () => {
    const alice = user();
    const token = await mintToken({ subject: alice });
    const id = await registerOrder(alice);
    const sockets: TestSocket[] = [];
    for (let i = 0; i < CONNECTIONS_PER_USER; i++) {
      const socket = await connect(`orders/${id}`, { token });
      await listening(socket);
      sockets.push(socket);
    }
    expect(await (await connect(`orders/${id}`, { token })).closed()).toEqual(TOO_MANY);
    await listening(await connect(`orders/${id}`, { token: await admin() }));

    // The count survives hibernation.
    await evictDurableObject(orderObject(id));
    const again = await mintToken({ subject: alice, claims: { jti: "2" } });
    expect(await (await connect(`orders/${id}`, { token: again })).closed()).toEqual(TOO_MANY);
  });

  test("one that closes makes room for another", async () => {
    const alice = user();
    const token = await mintToken({ subject: alice });
    const id = await registerOrder(alice);
    const sockets = [];
    for (let i = 0; i < CONNECTIONS_PER_USER; i++) sockets.push(await connect(`orders/${id}`, { token }));
    for (const socket of sockets) await listening(socket);
    sockets[0]?.close();
    await eventually(async () => expect(await orderObject(id).countListeners()).toBe(CONNECTIONS_PER_USER - 1));
    await listening(await connect(`orders/${id}`, { token }));
  });

  test("[promise 7] a refused one writes nothing", async () => {
    const alice = user();
    const token = await mintToken({ subject: alice });
    const id = await registerOrder(alice);
    for (let i = 0; i < CONNECTIONS_PER_USER; i++) await listening(await connect(`orders/${id}`, { token }));
    const before = await orderObject(id).usage();
    await (await connect(`orders/${id}`, { token })).closed();
    expect((await orderObject(id).usage()).rowsWritten).toBe(before.rowsWritten);
  });
});

test(`${CONNECTIONS_PER_CHANNEL} sockets of one channel are accepted, one more is closed with 4110, and another channel stays open`, async () => {
  const [id, other] = [await registerOrder(), await registerOrder()];
  for (let i = 0; i < CONNECTIONS_PER_CHANNEL; i++)
    await listening(await connect(`orders/${id}`, { token: await admin() }));
  expect(await (await connect(`orders/${id}`, { token: await admin() })).closed()).toEqual(TOO_MANY);
  await listening(await connect(`orders/${other}`, { token: await admin() }));
});

test(`${CONNECTS_PER_USER} connection attempts of one user are accepted, one more is closed with 4129, and another user's is accepted`, async () => {
  const token = await mintToken({ subject: user() });
  const attempt = () => connect(`orders/${crypto.randomUUID()}`, { token });
  for (let i = 0; i < CONNECTS_PER_USER; i++) expect((await (await attempt()).closed()).code).toBe(4004);
  expect(await (await attempt()).closed()).toEqual(TOO_OFTEN);
  await listening(await connect("products", { token: await mintToken({ subject: user() }) }));
});

test(`${CONNECTS_PER_ADDRESS} connection attempts from one address are checked, one more is closed with 4129 unchecked, and another address is served`, async () => {
  const from = (address: string) => ({ "CF-Connecting-IP": address });
  const attempt = (address: string) => connect("products", { token: "bad", headers: from(address) });
  for (let i = 0; i < CONNECTS_PER_ADDRESS; i++) expect((await (await attempt("192.0.2.1")).closed()).code).toBe(4001);
  expect(await (await attempt("192.0.2.1")).closed()).toEqual(TOO_OFTEN);
  const token = await mintToken({ subject: user() });
  expect(await (await connect("products", { token, headers: from("192.0.2.1") })).closed()).toEqual(TOO_OFTEN);
  const elsewhere = await connect("products", { token, headers: from("2001:db8::1") });
  await listening(elsewhere);
  elsewhere.close();
});

test("addresses of one IPv6 /64 network count together, because one client owns all of them", async () => {
  const attempt = (address: string) => connect("products", { token: "bad", headers: { "CF-Connecting-IP": address } });
  for (let i = 0; i < CONNECTS_PER_ADDRESS; i++) {
    const address = i % 2 === 0 ? `2001:db8:0:7::${i}` : `2001:db8:0:7:a:b:c:${i}`;
    expect((await (await attempt(address)).closed()).code).toBe(4001);
  }
  expect(await (await attempt("2001:db8::7:1:2:3:4")).closed()).toEqual(TOO_OFTEN);
  expect((await (await attempt("2001:db8:0:8::1")).closed()).code).toBe(4001);
  expect((await (await attempt("2001:db8::1:7")).closed()).code).toBe(4001);
});

test(`${PUBLISHES_PER_KEY} publish calls with one key are accepted, one more is answered 429 with Retry-After, and another key's is accepted`, async () => {
  const publishWith = (key: string, path = "products") =>
    serviceRequest(
      "POST",
      `/api/v1/publish/${path}`,
      path === "batch"
        ? { events: [{ channel: "products", type: "product_deleted", data: { product_id: "p" } }] }
        : { type: "product_deleted", data: { product_id: "p" } },
      { Authorization: `Bearer ${key}` },
    );
  const [shop = "", stock = ""] = TEST_ENV.PUBLISH_KEYS.split(",").map((entry) => entry.split(":")[1]);
  expect((await publishWith(shop, "batch")).status).toBe(200);
  for (let i = 1; i < PUBLISHES_PER_KEY; i++) expect((await publishWith(shop)).status).toBe(200);
  for (const path of ["products", "batch", `orders/${crypto.randomUUID()}`]) {
    const refused = await publishWith(shop, path);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("10");
    expect(await refused.json()).toMatchObject({ type: "urn:tidings:problem:rate_limited", status: 429 });
  }
  expect((await publishWith(stock)).status).toBe(200);
});

describe("[promise 5] messages of one client:", () => {
  const subscribe = (socket: TestSocket) => socket.send(JSON.stringify({ type: "subscribe", product_ids: ["p"] }));
  async function listener() {
    const socket = await connect("products", { token: await mintToken({ subject: user() }) });
    await listening(socket);
    return socket;
  }

  test(`${CLIENT_MESSAGES_BURST} at once are accepted, one more closes it with 4129, and another client may send`, async () => {
    stopClock();
    const [flooding, calm] = [await listener(), await listener()];
    for (let i = 0; i < CLIENT_MESSAGES_BURST; i++) subscribe(flooding);
    expect(await flooding.settle()).toEqual([]);
    subscribe(flooding);
    expect(await flooding.closed()).toEqual(TOO_OFTEN);
    subscribe(calm);
    expect(await calm.settle()).toEqual([]);
    calm.close();
  });

  test(`${CLIENT_MESSAGES_PER_SECOND} more are allowed per second, also across hibernation`, async () => {
    stopClock();
    const socket = await listener();
    for (let i = 0; i < CLIENT_MESSAGES_BURST; i++) subscribe(socket);
    await socket.settle();
    advanceClock(2000 / CLIENT_MESSAGES_PER_SECOND);
    await evictDurableObject(env.PRODUCTS_CHANNEL.getByName("products"));
    subscribe(socket);
    subscribe(socket);
    expect(await socket.settle()).toEqual([]);
    subscribe(socket);
    expect(await socket.closed()).toEqual(TOO_OFTEN);
  });

  test("pings do not count", async () => {
    const socket = await listener();
    for (let i = 0; i < 5 * CLIENT_MESSAGES_BURST; i++) await socket.settle();
    subscribe(socket);
    expect(await socket.settle()).toEqual([]);
    socket.close();
  });
});

test("RATE_LIMITS=off disables the limits over time", async () => {
  const free = { ...env, RATE_LIMITS: "off" };
  const token = await mintToken({ subject: user() });
  for (let i = 0; i < 3 * CONNECTS_PER_USER; i++) {
    const request = new Request(`${ORIGIN}/api/v1/ws/orders/${crypto.randomUUID()}?token=${token}`, {
      headers: { Upgrade: "websocket", "CF-Connecting-IP": "192.0.2.9" },
    });
    const response = await app.fetch(request, free);
    const socket = response.webSocket;
    const code = new Promise((resolve) => socket?.addEventListener("close", (event) => resolve(event.code)));
    socket?.accept();
    expect(await code).toBe(4004);
  }
});

test("health requests without credentials are limited per address like connection attempts; those of a service are not", async () => {
  const look = (headers: Record<string, string>) =>
    request("/api/v1/ws/health", { headers: { "CF-Connecting-IP": "192.0.2.77", ...headers } });
  for (let i = 0; i < CONNECTS_PER_ADDRESS; i++) expect((await look({})).status).toBe(200);
  expect((await look({})).status).toBe(429);
  expect((await look({ Authorization: `Bearer ${PUBLISH_KEY}` })).status).toBe(200);
});

test("a limiter that fails lets every request pass, because limits are not access control", async () => {
  const failing = { limit: () => Promise.reject(new Error("it fails for the test")) };
  const response = await app.fetch(
    new Request(`${ORIGIN}/api/v1/ws/health`, { headers: { "CF-Connecting-IP": "192.0.2.78" } }),
    { ...env, CONNECTS_PER_ADDRESS: failing },
  );
  expect(response.status).toBe(200);
});
