import { describe, expect, test } from "vitest";
import { connect, listen, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

const asUser = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

describe("PUT /api/v1/orders/{order_id}", () => {
  test("registers an order (201), then corrects it (200)", async () => {
    const id = crypto.randomUUID();
    const body = { user_id: "alice", status: "pending", payment_status: "pending" };
    expect((await serviceRequest("PUT", `/api/v1/orders/${id}`, body)).status).toBe(201);
    const corrected = await serviceRequest("PUT", `/api/v1/orders/${id}`, { ...body, status: "processing" });
    expect(corrected.status).toBe(200);
    expect(await corrected.json()).toEqual({ order_id: id, ...body, status: "processing" });
  });

  test("gives an owner to an order known only from a publish (201)", async () => {
    const id = crypto.randomUUID();
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const body = { user_id: "alice", status: "shipped", payment_status: "paid" };
    expect((await serviceRequest("PUT", `/api/v1/orders/${id}`, body)).status).toBe(201);
    const socket = await connect(`orders/${id}`, { token: await mintToken() });
    expect((await socket.frame()).data).toMatchObject({ current_status: "shipped", payment_status: "paid" });
  });

  test("sends corrections to listeners, so that a snapshot plus events is always right", async () => {
    const id = await registerOrder("alice", { status: "pending", payment_status: "pending" });
    const socket = await listen(`orders/${id}`);
    const body = { user_id: "alice", status: "processing", payment_status: "pending" };
    await serviceRequest("PUT", `/api/v1/orders/${id}`, body);
    expect(await socket.frame()).toMatchObject({
      type: "order_status_changed",
      seq: 1,
      data: { order_id: id, old_status: "pending", new_status: "processing" },
    });
    await serviceRequest("PUT", `/api/v1/orders/${id}`, body);
    const order = { user_id: "alice", status: "packed", payment_status: "paid" };
    const result = await publish(`orders/${id}`, { type: "order_shipped", data: {}, order });
    expect(result).toMatchObject({ seq: 3, receivers: 1 });
    expect(await socket.frames(2)).toMatchObject([
      { type: "payment_status_changed", seq: 2, data: { old_status: "pending", new_status: "paid" } },
      { type: "order_shipped", seq: 3 },
    ]);
    expect(await socket.settle()).toEqual([]);
  });

  test("closes the former owner's sockets before it sends anything of the new owner", async () => {
    const id = await registerOrder("alice");
    const alice = await connect(`orders/${id}`, { token: await mintToken() });
    const admin = await connect(`orders/${id}`, { token: await adminToken() });
    await Promise.all([alice.frame(), admin.frame()]);
    await serviceRequest("PUT", `/api/v1/orders/${id}`, {
      user_id: "bob",
      status: "packed",
      payment_status: "pending",
    });
    expect(await alice.closed()).toEqual({ code: 4003, reason: "Access denied" });
    expect(alice.drain()).toEqual([]);
    expect((await admin.frame()).type).toBe("order_status_changed");
    const order = { user_id: "carol", status: "pending", payment_status: "paid" };
    const bob = await listen(`orders/${id}`, { token: await mintToken({ subject: "bob" }) });
    const result = await publish(`orders/${id}`, { type: "order_shipped", data: { to: "Carol Street 1" }, order });
    expect(result.receivers).toBe(1);
    expect((await bob.closed()).code).toBe(4003);
    expect(bob.drain()).toEqual([]);
    expect((await admin.frames(2)).map(({ type }) => type)).toEqual(["payment_status_changed", "order_shipped"]);
  });

  test("names every bad field (422)", async () => {
    const response = await serviceRequest("PUT", `/api/v1/orders/${crypto.randomUUID()}`, {
      user_id: 7.5,
      state: "new",
    });
    expect(response.status).toBe(422);
    const { errors } = await response.json<{ errors: { field: string }[] }>();
    expect(errors.map(({ field }) => field).sort()).toEqual(["payment_status", "state", "status", "user_id"]);
  });

  test("refuses an id that is not a UUID (400)", async () => {
    expect((await serviceRequest("PUT", "/api/v1/orders/7", {})).status).toBe(400);
  });
});

describe("GET /api/v1/orders/{order_id}", () => {
  test("answers the owner, an admin and a service with the snapshot", async () => {
    const id = await registerOrder("alice", { status: "pending", payment_status: "paid" });
    await publish(`orders/${id}`, { type: "order_shipped", data: { carrier: "UPS" } });
    const expected = {
      order_id: id,
      user_id: "alice",
      status: "shipped",
      payment_status: "paid",
      tracking_number: null,
      carrier: "UPS",
      channel: `order_${id}`,
      epoch: expect.any(String),
      seq: 1,
    };
    const answers = [
      await request(`/api/v1/orders/${id}`, asUser(await mintToken())),
      await request(`/api/v1/orders/${id}`, asUser(await adminToken())),
      await serviceRequest("GET", `/api/v1/orders/${id}`),
    ];
    for (const answer of answers) expect(await answer.json()).toEqual(expected);
  });

  test("answers 403 to another user, 401 without credentials, 404 for an unknown order, 400 for an id that is not a UUID", async () => {
    const id = await registerOrder("alice");
    expect((await request(`/api/v1/orders/${id}`, asUser(await mintToken({ subject: "mallory" })))).status).toBe(403);
    expect((await request(`/api/v1/orders/${id}`)).status).toBe(401);
    expect((await serviceRequest("GET", `/api/v1/orders/${crypto.randomUUID()}`)).status).toBe(404);
    expect((await serviceRequest("GET", "/api/v1/orders/7")).status).toBe(400);
  });

  test("ignores a token in the query, where it would be logged", async () => {
    const id = await registerOrder("alice");
    expect((await request(`/api/v1/orders/${id}?token=${await mintToken()}`)).status).toBe(401);
  });
});

describe("DELETE /api/v1/orders/{order_id}", () => {
  test("closes the listeners with 4004 (204)", async () => {
    const id = await registerOrder("alice");
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const socket = await listen(`orders/${id}`);
    expect((await serviceRequest("DELETE", `/api/v1/orders/${id}`)).status).toBe(204);
    expect(await socket.closed()).toEqual({ code: 4004, reason: "Order not found" });
    expect((await connect(`orders/${id}`, { token: await mintToken() }).then((s) => s.closed())).code).toBe(4004);
  });

  test("answers 404 for an unknown order", async () => {
    expect((await serviceRequest("DELETE", `/api/v1/orders/${crypto.randomUUID()}`)).status).toBe(404);
  });
});
