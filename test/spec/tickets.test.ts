import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import {
  connect,
  listen,
  ORIGIN,
  orderObject,
  publish,
  registerOrder,
  request,
  serviceRequest,
} from "../support/service.ts";
import { PUBLISH_KEY, TEST_ENV } from "../support/test-env.ts";
import { outcomeOf, TestSocket } from "../support/test-socket.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** Tickets let guests without an account listen to one order. */

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
  test("may listen to its order and read the status, but not the owner", async () => {
    const id = await registerOrder("alice");
    const { token } = await ticketFor(id);
    const socket = await connect(`orders/${id}`, { token });
    expect((await socket.frame()).data).toMatchObject({ order_id: id, current_status: "pending" });
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
    expect((await socket.frame()).type).toBe("order_shipped");
    const response = await request(`/api/v1/orders/${id}`, { headers: { Authorization: `Bearer ${token}` } });
    expect(await response.json()).toMatchObject({ order_id: id, status: "shipped", user_id: null });
  });

  test("works for an order without an owner, and stays valid when the first owner becomes known", async () => {
    const id = crypto.randomUUID();
    await publish(`orders/${id}`, SHIPPED);
    await listen(`orders/${id}`, { token: (await ticketFor(id)).token });
    await give(id, "alice");
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
  });

  test("is valid for an hour, or for ttl_seconds", async () => {
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
    const socket = await listen(`orders/${id}`, { token: (await ticketFor(id, { ttl_seconds: 60 })).token });
    advanceClock(60_000);
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(0);
    expect(await socket.closed()).toEqual({ code: 4001, reason: "Token expired" });
  });

  test("is refused for an invalid ttl_seconds, order or caller", async () => {
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

  test("[promise 7] a request for a ticket to an unknown order stores nothing", async () => {
    const id = crypto.randomUUID();
    await ticketsOf(id);
    const tables = await runInDurableObject(
      orderObject(id),
      (_, { storage }) => storage.sql.exec("SELECT count(*) AS n FROM sqlite_master").one().n,
    );
    expect(tables).toBe(0);
  });

  test("does not contain the owner", async () => {
    const id = await registerOrder("alice@shop.example");
    const { token, subject } = await ticketFor(id);
    expect(decodeJwt(token)).toMatchObject({ sub: subject, order: id });
    expect(JSON.stringify(decodeJwt(token))).not.toContain("alice");
    expect(subject).toMatch(/^ticket:[0-9a-f-]{36}$/);
  });
});

describe("a ticket is valid for its order only:", () => {
  test("not for another order, products, or health details", async () => {
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

  test("it is never sent to the shop's backend", async () => {
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

  test("a user id that equals a ticket's subject does not admit the ticket", async () => {
    const [id, other] = [await registerOrder(), await registerOrder()];
    const { token, subject } = await ticketFor(id);
    await give(other, subject);
    expect((await (await connect(`orders/${other}`, { token })).closed()).code).toBe(4003);
  });
});

describe("a ticket is revoked", () => {
  for (const [name, change] of [
    ["registered", (id: string) => give(id, "bob")],
    [
      "published",
      (id: string) =>
        publish(`orders/${id}`, { ...SHIPPED, order: { user_id: "bob", status: "new", payment_status: "paid" } }),
    ],
  ] as const) {
    test(`when another owner is ${name}: its sockets are closed, it is refused, and new tickets are valid`, async () => {
      const id = await registerOrder("alice");
      const { token } = await ticketFor(id);
      const socket = await listen(`orders/${id}`, { token });
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

  test("not when the order is corrected for the same owner", async () => {
    const id = await registerOrder("alice");
    const { token } = await ticketFor(id);
    const socket = await listen(`orders/${id}`, { token });
    await serviceRequest("PUT", `/api/v1/orders/${id}`, { user_id: "alice", status: "packed", payment_status: "paid" });
    expect(await socket.frame()).toMatchObject({ data: { new_status: "packed" } });
    expect((await (await connect(`orders/${id}`, { token })).frame()).type).toBe("connection_established");
  });

  test("when its order is deleted, even if an order with that id is registered again", async () => {
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

  test("a new ticket for the same order extends it across hibernation, and its subject replaces the old one", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, { token: (await ticketFor(id, { ttl_seconds: 60 })).token });
    const fresh = await ticketFor(id);
    socket.send(authenticate(fresh.token));
    await eventually(async () => expect((await attachmentOf(id)).subject).toBe(fresh.subject));
    await evictDurableObject(orderObject(id));
    expect((await publish(`orders/${id}`, SHIPPED)).receivers).toBe(1);
    const body = { channel: `order_${id}`, user_id: fresh.subject };
    expect(await (await serviceRequest("POST", "/api/v1/disconnect", body)).json()).toEqual({ closed: 1 });
    expect((await socket.closed()).code).toBe(4001);
  });

  test("a ticket for another order closes it, and so does switching between ticket and user token", async () => {
    const [id, other] = [await registerOrder("alice"), await registerOrder("alice")];
    const tickets = [await ticketFor(id), await ticketFor(other)];
    const cases: [string, string][] = [
      [tickets[0]?.token ?? "", tickets[1]?.token ?? ""],
      [tickets[0]?.token ?? "", await mintToken()],
      [await mintToken(), tickets[0]?.token ?? ""],
    ];
    for (const [token, next] of cases) {
      const socket = await listen(`orders/${id}`, { token });
      socket.send(authenticate(next));
      expect(await socket.closed()).toEqual({ code: 4001, reason: "Invalid token" });
    }
  });
});

test("a socket of a version without tickets stays open", async () => {
  const id = await registerOrder("alice");
  const socket = await listen(`orders/${id}`);
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

  test("tokens signed with an older secret are valid while it is listed, and the first secret signs", async () => {
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

  test("an expired token is expired, whichever secret signed it", async () => {
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
