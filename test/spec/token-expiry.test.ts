import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { connect, listen, orderObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** A connection ends when its token expires. */

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
});

const v1 = (token: string) => ({ "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` });
const SHIPPED = { type: "order_shipped", data: {} };
const alarmOf = (id: string) => runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm());

/** @returns The expiry stored with the only socket of an order. */
const storedExpiry = (id: string) =>
  runInDurableObject(orderObject(id), (_, state) => state.getWebSockets()[0]?.deserializeAttachment().expiresAt);

describe("when a token expires,", () => {
  test("the next event closes the socket with 4001 instead of being sent", async () => {
    const id = await registerOrder();
    const short = await connect(`orders/${id}`, { token: await mintToken({ expiresIn: 100 }) });
    const long = await connect(`orders/${id}`, { token: await mintToken({ expiresIn: 1000 }) });
    await Promise.all([short.frame(), long.frame()]);
    advanceClock(99_000);
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(2);
    expect((await short.frame()).seq).toBe(1);
    advanceClock(1_000);
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
    expect(await short.closed()).toEqual({ code: 4001, reason: "Token expired" });
    await expect(short.text()).rejects.toThrow("no message came");
    expect((await long.frames(2)).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("the alarm closes the socket if there is no event", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, { token: await mintToken({ expiresIn: 100 }) });
    expect(await alarmOf(id)).toBeLessThanOrEqual(Date.now() + 100_000);
    await evictDurableObject(orderObject(id));
    advanceClock(100_000);
    expect(await runDurableObjectAlarm(orderObject(id))).toBe(true);
    expect(await socket.closed()).toEqual({ code: 4001, reason: "Token expired" });
    // What is left is the order's idle retention.
    expect(await alarmOf(id)).toBeGreaterThan(Date.now() + 300 * 86_400_000);
  });

  test("the socket is closed also after hibernation", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, { token: await mintToken({ expiresIn: 100 }) });
    await evictDurableObject(orderObject(id));
    advanceClock(100_000);
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(0);
    expect((await socket.closed()).code).toBe(4001);
  });
});

describe("token_expiring", () => {
  test("is sent once, 30 s before the expiry, to tidings.v1 clients only", async () => {
    const id = await registerOrder();
    const token = await mintToken({ expiresIn: 100 });
    const speaking = await connect(`orders/${id}`, { headers: v1(token) });
    const plain = await connect(`orders/${id}`, { token });
    await Promise.all([speaking.frame(), plain.frame()]);
    advanceClock(71_000);
    await runDurableObjectAlarm(orderObject(id));
    const expires_at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await speaking.frame()).toEqual({ type: "token_expiring", data: { expires_at } });
    await evictDurableObject(orderObject(id));
    await runDurableObjectAlarm(orderObject(id));
    expect(await speaking.settle()).toEqual([]);
    expect(await plain.settle()).toEqual([]);
  });

  test("is sent in time when other tokens expire a little later", async () => {
    const id = await registerOrder();
    const plain = await connect(`orders/${id}`, { token: await mintToken({ expiresIn: 130 }) });
    const speaking = await connect(`orders/${id}`, { headers: v1(await mintToken({ expiresIn: 120 })) });
    await Promise.all([plain.frame(), speaking.frame()]);
    const time = Number(await alarmOf(id));
    expect(time).toBeLessThanOrEqual(Date.now() + 91_000);
    advanceClock(time - Date.now());
    await runDurableObjectAlarm(orderObject(id));
    expect((await speaking.frame()).type).toBe("token_expiring");
    expect(await plain.settle()).toEqual([]);
  });

  test("is sent at once when the token has less than 30 s left", async () => {
    const id = await registerOrder();
    const socket = await connect(`orders/${id}`, { headers: v1(await mintToken({ expiresIn: 20 })) });
    expect((await socket.frame()).type).toBe("connection_established");
    expect((await socket.frame()).type).toBe("token_expiring");
  });
});

describe("authenticate", () => {
  const authenticate = (token: string) => JSON.stringify({ type: "authenticate", token });

  test("with a fresh token of the same subject extends the connection, across hibernation", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, { token: await mintToken({ expiresIn: 100 }) });
    socket.send(authenticate(await mintToken({ expiresIn: 1000 })));
    await eventually(async () => expect(await storedExpiry(id)).toBeGreaterThan(Date.now() + 900_000));
    await evictDurableObject(orderObject(id));
    advanceClock(500_000);
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
    expect((await socket.frame()).seq).toBe(1);
    advanceClock(500_000);
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(0);
    expect((await socket.closed()).code).toBe(4001);
  });

  const bad: [string, () => Promise<string>, string][] = [
    ["a different subject", () => mintToken({ subject: "bob" }), "Invalid token"],
    ["an expired token", () => mintToken({ expiresIn: -1 }), "Token expired"],
    ["a token signed with another secret", () => mintToken({ secret: "x".repeat(40) }), "Invalid token"],
    ["no token", async () => "", "Authentication required"],
    ["nonsense", async () => "abc", "Invalid token"],
  ];
  for (const [name, token, reason] of bad) {
    test(`with ${name} closes with 4001`, async () => {
      const id = await registerOrder();
      const socket = await connect(`orders/${id}`, { token: await mintToken() });
      const other = await connect(`orders/${id}`, { token: await mintToken() });
      await Promise.all([socket.frame(), other.frame()]);
      socket.send(authenticate(await token()));
      expect(await socket.closed()).toEqual({ code: 4001, reason });
      expect(await other.settle()).toEqual([]);
    });
  }

  test("checks access again: a former admin is closed with 4003", async () => {
    const id = await registerOrder("alice");
    const socket = await listen(`orders/${id}`, { token: await mintToken({ subject: "carol", role: "admin" }) });
    socket.send(authenticate(await mintToken({ subject: "carol" })));
    expect(await socket.closed()).toEqual({ code: 4003, reason: "Access denied" });
  });

  test("a resume checks access again, too", async () => {
    const id = await registerOrder("alice");
    const socket = await connect(`orders/${id}`, { token: await mintToken() });
    const { epoch, seq } = (await socket.frame()).data;
    await serviceRequest("PUT", `/api/v1/orders/${id}`, {
      user_id: "bob",
      status: "pending",
      payment_status: "pending",
    });
    const query = { since: String(seq), epoch: String(epoch) };
    expect((await (await connect(`orders/${id}`, { token: await mintToken(), query })).closed()).code).toBe(4003);
  });
});

describe("POST /api/v1/disconnect", () => {
  const disconnect = (body: unknown) => serviceRequest("POST", "/api/v1/disconnect", body);

  test("closes one user's sockets with 4001 and counts them", async () => {
    const id = await registerOrder("alice");
    const token = await mintToken();
    const alice = [await connect(`orders/${id}`, { token }), await connect(`orders/${id}`, { token })];
    const admin = await connect(`orders/${id}`, { token: await mintToken({ subject: "root", role: "admin" }) });
    for (const socket of [...alice, admin]) await socket.frame();
    const response = await disconnect({ channel: `order_${id}`, user_id: "alice" });
    expect(await response.json()).toEqual({ closed: 2 });
    for (const socket of alice)
      expect(await socket.closed()).toEqual({ code: 4001, reason: "Disconnected by the service" });
    expect(await admin.settle()).toEqual([]);
  });

  test("closes all of a channel's sockets when no user is named", async () => {
    const id = await registerOrder("alice");
    const socket = await listen(`orders/${id}`);
    expect(await (await disconnect({ channel: `order_${id.toUpperCase()}` })).json()).toEqual({ closed: 1 });
    expect((await socket.closed()).code).toBe(4001);
    expect(await (await disconnect({ channel: `order_${id}` })).json()).toEqual({ closed: 0 });
  });

  test("refuses invalid requests", async () => {
    expect((await disconnect({ channel: "orders" })).status).toBe(422);
    expect((await disconnect({ user_id: "alice" })).status).toBe(422);
    expect((await disconnect({ channel: "products", user_id: 7.5 })).status).toBe(422);
  });
});
