import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { connect, ORIGIN, orderObject, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY, TEST_ENV } from "../support/test-env.ts";
import { outcomeOf, TestSocket } from "../support/test-socket.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** Tickets let guests, who have no account, listen to one order. */

afterEach(() => {
  vi.useRealTimers();
});

interface Ticket {
  token: string;
  subject: string;
  expires_at: string;
}
const SHIPPED = { type: "order_shipped", data: {} };
const ticketsOf = (id: string, body: unknown = {}) => serviceRequest("POST", `/api/v1/orders/${id}/tickets`, body);
async function ticketFor(id: string, body: unknown = {}): Promise<Ticket> {
  const response = await ticketsOf(id, body);
  expect(response.status).toBe(201);
  return response.json<Ticket>();
}
const give = (id: string, user_id: string) =>
  serviceRequest("PUT", `/api/v1/orders/${id}`, { user_id, status: "pending", payment_status: "pending" });

describe("a ticket", () => {
  test("listens to its order, whoever owns it, and reads where it stands, but not whose it is", async () => {
    const id = await registerOrder("alice");
    const { token } = await ticketFor(id);
    const socket = await connect(`orders/${id}`, { token });
    expect((await socket.frame()).data).toMatchObject({ order_id: id, current_status: "pending" });
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
    expect((await socket.frame()).type).toBe("order_shipped");
    const response = await request(`/api/v1/orders/${id}`, { headers: { Authorization: `Bearer ${token}` } });
    expect(await response.json()).toMatchObject({ order_id: id, status: "shipped", user_id: null });
  });

  test("works for an order that nobody owns, and goes on when its first owner becomes known", async () => {
    const id = crypto.randomUUID();
    await publish(`orders/${id}`, SHIPPED);
    const socket = await connect(`orders/${id}`, { token: (await ticketFor(id)).token });
    await socket.frame();
    await give(id, "alice");
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
  });

  test("is good for an hour, or for as long as was asked", async () => {
    stopClock();
    const id = await registerOrder();
    const secondsLeft = async (body: unknown) => {
      const { token, expires_at } = await ticketFor(id, body);
      expect(Date.parse(expires_at)).toBe(Number(decodeJwt(token).exp) * 1000);
      return Math.ceil((Date.parse(expires_at) - Date.now()) / 1000);
    };
    expect(await secondsLeft({})).toBe(3600);
    expect(await secondsLeft({ ttl_seconds: 60 })).toBe(60);
    expect(await secondsLeft({ ttl_seconds: 604_800 })).toBe(604_800);
    const socket = await connect(`orders/${id}`, { token: (await ticketFor(id, { ttl_seconds: 60 })).token });
    await socket.frame();
    advanceClock(60_000);
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(0);
    expect(await socket.closed()).toEqual({ code: 4001, reason: "Token expired" });
  });

  test("is asked for with sense", async () => {
    const id = await registerOrder();
    for (const ttl_seconds of [59, 604_801, 0, -1, 60.5, "3600", null]) {
      expect((await ticketsOf(id, { ttl_seconds })).status).toBe(422);
    }
    expect((await ticketsOf(id, { ttl: 60 })).status).toBe(422);
    expect((await ticketsOf("42")).status).toBe(400);
    expect((await ticketsOf(crypto.randomUUID())).status).toBe(404);
    const path = `/api/v1/orders/${id}/tickets`;
    expect((await serviceRequest("POST", path, {}, { Authorization: `Bearer ${await adminToken()}` })).status).toBe(
      401,
    );
  });

  test("asking for one of an order that nobody knows writes nothing", async () => {
    const id = crypto.randomUUID();
    await ticketsOf(id);
    const tables = await runInDurableObject(
      orderObject(id),
      (_, { storage }) => storage.sql.exec("SELECT count(*) AS n FROM sqlite_master").one().n,
    );
    expect(tables).toBe(0);
  });

  test("says nothing of the order's owner", async () => {
    const id = await registerOrder("alice@shop.example");
    const { token, subject } = await ticketFor(id);
    expect(decodeJwt(token)).toMatchObject({ sub: subject, order: id });
    expect(JSON.stringify(decodeJwt(token))).not.toContain("alice");
    expect(subject).toMatch(/^ticket:[0-9a-f-]{36}$/);
  });
});

describe("a ticket is for its order alone", () => {
  test("no other order, no products, no operator's view", async () => {
    const [id, other] = [await registerOrder("alice"), await registerOrder("alice")];
    const { token } = await ticketFor(id);
    expect((await (await connect(`orders/${other}`, { token })).closed()).code).toBe(4003);
    await ticketFor(other);
    expect((await (await connect(`orders/${other}`, { token })).closed()).code).toBe(4003);
    expect((await (await connect("products", { token })).closed()).code).toBe(4003);
    const headers = { Authorization: `Bearer ${token}` };
    expect((await request(`/api/v1/orders/${other}`, { headers })).status).toBe(403);
    const health = await (await request("/api/v1/ws/health", { headers })).text();
    expect(health).not.toContain(id);
  });

  test("it is never shown to the shop's backend", async () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    const id = crypto.randomUUID();
    await publish(`orders/${id}`, SHIPPED);
    const { token } = await ticketFor(id);
    await serviceRequest("DELETE", `/api/v1/orders/${id}`);
    const init = { headers: { Upgrade: "websocket" } };
    const there = { ...env, ORDERS_API_URL: "https://backend.example/orders" };
    const socket = await app.fetch(new Request(`${ORIGIN}/api/v1/ws/orders/${id}?token=${token}`, init), there);
    expect((await new TestSocket(socket).closed()).code).toBe(4004);
    expect(fetched).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  test("an owner who is called like a ticket does not let that ticket in", async () => {
    const [id, other] = [await registerOrder(), await registerOrder()];
    const { token, subject } = await ticketFor(id);
    await give(other, subject);
    expect((await (await connect(`orders/${other}`, { token })).closed()).code).toBe(4003);
  });
});

describe("a ticket ends early", () => {
  for (const [name, change] of [
    ["registered", (id: string) => give(id, "bob")],
    [
      "published",
      (id: string) =>
        publish(`orders/${id}`, { ...SHIPPED, order: { user_id: "bob", status: "new", payment_status: "paid" } }),
    ],
  ] as const) {
    test(`when another owner is ${name}: its sockets are closed, it is refused, and new ones are not`, async () => {
      const id = await registerOrder("alice");
      const { token } = await ticketFor(id);
      const socket = await connect(`orders/${id}`, { token });
      await socket.frame();
      await change(id);
      expect(await socket.closed()).toEqual({ code: 4003, reason: "Access denied" });
      await expect(socket.text()).rejects.toThrow("no message came");
      expect((await (await connect(`orders/${id}`, { token })).closed()).code).toBe(4003);
      const next = await connect(`orders/${id}`, { token: (await ticketFor(id)).token });
      expect((await next.frame()).type).toBe("connection_established");
      await give(id, "alice");
      expect((await (await connect(`orders/${id}`, { token })).closed()).code).toBe(4003);
    });
  }

  test("but not when the same owner's order is corrected", async () => {
    const id = await registerOrder("alice");
    const { token } = await ticketFor(id);
    const socket = await connect(`orders/${id}`, { token });
    await socket.frame();
    await serviceRequest("PUT", `/api/v1/orders/${id}`, { user_id: "alice", status: "packed", payment_status: "paid" });
    expect(await socket.frame()).toMatchObject({ data: { new_status: "packed" } });
    expect((await (await connect(`orders/${id}`, { token })).frame()).type).toBe("connection_established");
  });

  test("when its order is deleted, even if an order of that id comes again", async () => {
    const id = await registerOrder("alice");
    const { token } = await ticketFor(id);
    await serviceRequest("DELETE", `/api/v1/orders/${id}`);
    expect((await (await connect(`orders/${id}`, { token })).closed()).code).toBe(4004);
    await give(id, "bob");
    await ticketFor(id);
    expect((await (await connect(`orders/${id}`, { token })).closed()).code).toBe(4003);
  });
});

describe("on an open connection", () => {
  const authenticate = (token: string) => JSON.stringify({ type: "authenticate", token });
  const attachmentOf = (id: string) =>
    runInDurableObject(orderObject(id), (_, state) => state.getWebSockets()[0]?.deserializeAttachment());

  test("a fresh ticket of the same order keeps it, across hibernation, under its own subject", async () => {
    const id = await registerOrder();
    const socket = await connect(`orders/${id}`, { token: (await ticketFor(id, { ttl_seconds: 60 })).token });
    await socket.frame();
    const fresh = await ticketFor(id);
    socket.send(authenticate(fresh.token));
    await eventually(async () => expect((await attachmentOf(id)).subject).toBe(fresh.subject));
    await evictDurableObject(orderObject(id));
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
    const body = { channel: `order_${id}`, user_id: fresh.subject };
    expect(await (await serviceRequest("POST", "/api/v1/disconnect", body)).json()).toEqual({ closed: 1 });
    expect((await socket.closed()).code).toBe(4001);
  });

  test("a ticket of another order closes it, a user's token too, and a ticket closes a user's", async () => {
    const [id, other] = [await registerOrder("alice"), await registerOrder("alice")];
    const tickets = [await ticketFor(id), await ticketFor(other)];
    const cases: [string, string][] = [
      [tickets[0]?.token ?? "", tickets[1]?.token ?? ""],
      [tickets[0]?.token ?? "", await mintToken()],
      [await mintToken(), tickets[0]?.token ?? ""],
    ];
    for (const [token, next] of cases) {
      const socket = await connect(`orders/${id}`, { token });
      await socket.frame();
      socket.send(authenticate(next));
      expect(await socket.closed()).toEqual({ code: 4001, reason: "Invalid token" });
    }
  });
});

test("a socket that a version without tickets left behind stays open", async () => {
  const id = await registerOrder("alice");
  const socket = await connect(`orders/${id}`, { token: await mintToken() });
  await socket.frame();
  await runInDurableObject(orderObject(id), (_, state) => {
    for (const open of state.getWebSockets()) {
      const { orderId: _orderId, series: _series, ...older } = open.deserializeAttachment();
      open.serializeAttachment(older);
    }
  });
  await evictDurableObject(orderObject(id));
  expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
  expect((await socket.frame()).type).toBe("order_shipped");
});

describe("while JWT_SECRET is rotated", () => {
  const NEXT = "another-secret-that-verifies-nothing-real-987654";
  const secrets = (JWT_SECRET: string) => ({ ...env, JWT_SECRET });
  const connectWith = async (there: typeof env, id: string, token: string) => {
    const init = { headers: { Upgrade: "websocket" } };
    const url = `${ORIGIN}/api/v1/ws/orders/${id}?token=${token}`;
    return outcomeOf(await app.fetch(new Request(url, init), there));
  };

  test("what the older secret signed is good for as long as it is listed; the first one signs", async () => {
    const id = await registerOrder("alice");
    const old = [await mintToken(), (await ticketFor(id)).token];
    const rotated = secrets(`${NEXT}, ${TEST_ENV.JWT_SECRET}`);
    const response = await app.fetch(
      new Request(`${ORIGIN}/api/v1/orders/${id}/tickets`, {
        method: "POST",
        headers: { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" },
        body: "{}",
      }),
      rotated,
    );
    const fresh = [await mintToken({ secret: NEXT }), (await response.json<Ticket>()).token];
    for (const token of [...old, ...fresh])
      expect(await connectWith(rotated, id, token)).toBe("connection_established");
    for (const token of old) expect(await connectWith(secrets(NEXT), id, token)).toBe(4001);
    for (const token of fresh) expect(await connectWith(secrets(NEXT), id, token)).toBe("connection_established");
  });

  test("an end is an end, whichever secret signed it", async () => {
    const id = await registerOrder("alice");
    const there = secrets(`${NEXT},${TEST_ENV.JWT_SECRET}`);
    const url = `${ORIGIN}/api/v1/orders/${id}`;
    for (const secret of [NEXT, TEST_ENV.JWT_SECRET]) {
      const headers = { Authorization: `Bearer ${await mintToken({ secret, expiresIn: -1 })}` };
      const response = await app.fetch(new Request(url, { headers }), there);
      expect(await response.json()).toMatchObject({ type: "urn:tidings:problem:token_expired" });
    }
  });
});
