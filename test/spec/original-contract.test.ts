import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { catalogueWith } from "../../src/protocol/catalogue.ts";
import type { ChannelKind } from "../../src/protocol/names.ts";
import {
  connect,
  listen,
  orderObject,
  productsObject,
  publish,
  registerOrder,
  request,
  serviceRequest,
} from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** The contract of the replaced service, row by row; existing clients depend on it. */

/** The types of a kind of channel, and how each is defined. */
const eventsOf = (kind: ChannelKind) => [...catalogueWith([])].filter(([, { channel }]) => channel === kind);
const UNKNOWN_ORDER = "00000000-0000-4000-8000-000000000000";

describe("order socket: GET /api/v1/ws/orders/{order_id}?token=JWT", () => {
  test("the owner may listen", async () => {
    const id = await registerOrder("alice");
    const socket = await connect(`orders/${id}`, { token: await mintToken({ subject: "alice" }) });
    expect((await socket.frame()).type).toBe("connection_established");
  });

  test("an admin may listen", async () => {
    const id = await registerOrder("alice");
    const socket = await connect(`orders/${id}`, { token: await adminToken() });
    expect((await socket.frame()).type).toBe("connection_established");
  });

  test("the admin role may be one of a list", async () => {
    const id = await registerOrder("alice");
    const token = await mintToken({ subject: "root", claims: { role: ["staff", "admin"] } });
    expect((await (await connect(`orders/${id}`, { token })).frame()).type).toBe("connection_established");
  });

  test("the order id may be in upper case", async () => {
    const id = await registerOrder("alice");
    const socket = await connect(`orders/${id.toUpperCase()}`, { token: await mintToken() });
    expect((await socket.frame()).data.order_id).toBe(id);
  });
});

describe("products socket: GET /api/v1/ws/products?token=JWT", () => {
  test("any authenticated user may listen", async () => {
    const socket = await connect("products", { token: await mintToken({ subject: "anyone" }) });
    expect((await socket.frame()).type).toBe("connection_established");
  });
});

describe("first frame", () => {
  test("of an order has its id, status and payment status", async () => {
    const id = await registerOrder("alice", { status: "processing", payment_status: "paid" });
    const socket = await connect(`orders/${id}`, { token: await mintToken() });
    expect(await socket.frame()).toMatchObject({
      type: "connection_established",
      data: {
        order_id: id,
        current_status: "processing",
        payment_status: "paid",
        channel: `order_${id}`,
        epoch: expect.any(String),
        seq: 0,
        resumed: null,
      },
    });
  });

  test("of products has the channel", async () => {
    const socket = await connect("products", { token: await mintToken() });
    expect(await socket.frame()).toMatchObject({
      type: "connection_established",
      data: { channel: "products", epoch: expect.any(String), seq: expect.any(Number), resumed: null },
    });
  });
});

describe("event frame: one JSON object per message, with type and data", () => {
  test("[promise 2] a batch is sent as one frame per message, in order", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    const events = ["processing", "packed", "ready"].map((new_status) => ({
      channel: `order_${id}`,
      type: "order_status_changed",
      data: { new_status },
    }));
    await serviceRequest("POST", "/api/v1/publish/batch", { events });
    expect((await socket.frames(3)).map(({ data }) => data.new_status)).toEqual(["processing", "packed", "ready"]);
  });

  test("it has an id, a seq that counts from 1, and the time of acceptance", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    await publish(`orders/${id}`, { type: "order_shipped", data: {}, id: "first" });
    await publish(`orders/${id}`, { type: "order_delivered", data: {} });
    const [first, second] = await socket.frames(2);
    expect(first).toMatchObject({ type: "order_shipped", id: "first", seq: 1 });
    expect(second).toMatchObject({ type: "order_delivered", id: expect.stringMatching(/^.{16,}$/), seq: 2 });
    expect(new Date(first?.ts ?? "").toISOString()).toBe(first?.ts);
  });
});

describe("order events", () => {
  for (const [type, { example }] of eventsOf("order")) {
    test(`${type} reaches the order's listeners as it was published`, async () => {
      const id = await registerOrder();
      const socket = await listen(`orders/${id}`);
      const data = { ...example, order_id: id, warehouse: { bin: [1, null, "ü"] } };
      expect(await publish(`orders/${id}`, { type, data })).toMatchObject({ status: "applied", seq: 1, receivers: 1 });
      expect(await socket.frame()).toMatchObject({ type, data });
    });
  }
});

describe("product events", () => {
  for (const [type, { example }] of eventsOf("products")) {
    test(`${type} reaches the products listeners as it was published`, async () => {
      const product = crypto.randomUUID();
      const socket = await listen("products", { token: await mintToken(), query: { product_id: product } });
      const data = { ...example, product_id: product, colour: "#00f" };
      expect(await publish("products", { type, data })).toMatchObject({ status: "applied" });
      expect(await socket.frame()).toMatchObject({ type, data });
    });
  }
});

describe("keep-alive", () => {
  test("the text ping is answered with the text pong", async () => {
    const socket = await listen("products");
    socket.send("ping");
    expect(await socket.text()).toBe("pong");
  });

  test("[promise 6] a ping does not wake a hibernating channel", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    await evictDurableObject(orderObject(id));
    socket.send("ping");
    expect(await socket.text()).toBe("pong");
    // Only a running object can be evicted.
    await expect(evictDurableObject(orderObject(id))).rejects.toThrow();
  });
});

describe("a client that closes its socket", () => {
  test("receives the closing handshake at once", async () => {
    const id = await registerOrder();
    for (const path of [`orders/${id}`, "products"]) {
      const socket = await listen(path);
      socket.close(1000);
      expect((await socket.closed()).code).toBe(1000);
    }
  });
});

describe("close codes, checked in this order, after the handshake was accepted", () => {
  test("4001 without a token, even when everything else is wrong, too", async () => {
    const socket = await connect("orders/not-a-uuid");
    expect(await socket.closed()).toEqual({ code: 4001, reason: "Authentication required" });
  });

  test("4001 for a bad token, even when everything else is wrong, too", async () => {
    const socket = await connect("orders/not-a-uuid", { token: "nonsense" });
    expect(await socket.closed()).toEqual({ code: 4001, reason: "Invalid token" });
  });

  test("4000 for an order id that is not a UUID", async () => {
    const socket = await connect("orders/not-a-uuid", { token: await mintToken() });
    expect(await socket.closed()).toEqual({ code: 4000, reason: "Invalid order ID format" });
  });

  test("4004 for an unknown order, also for an admin", async () => {
    for (const token of [await mintToken(), await adminToken()]) {
      const socket = await connect(`orders/${UNKNOWN_ORDER}`, { token });
      expect(await socket.closed()).toEqual({ code: 4004, reason: "Order not found" });
    }
  });

  test("4003 for a user who is neither owner nor admin", async () => {
    const id = await registerOrder("alice");
    const socket = await connect(`orders/${id}`, { token: await mintToken({ subject: "mallory" }) });
    expect(await socket.closed()).toEqual({ code: 4003, reason: "Access denied" });
  });

  test("a client that offers tidings.v1 receives the code, because its offer is echoed", async () => {
    const socket = await connect(`orders/${UNKNOWN_ORDER}`, {
      headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` },
    });
    expect(socket.headers.get("Sec-WebSocket-Protocol")).toBe("tidings.v1");
    expect((await socket.closed()).code).toBe(4004);
  });
});

describe("timestamp", () => {
  const good = [
    "2026-11-22T10:15:30.123456", // datetime.utcnow().isoformat()
    "2026-11-22T10:15:30", // the same, when there are no microseconds
    "2026-11-22T10:15:30.123456+00:00",
    "2026-11-22T10:15:30+05:30",
    "2026-11-22T10:15:30.123Z",
    "2028-02-29T00:00:00",
  ];
  for (const timestamp of good) {
    test(`${timestamp} passes through unchanged`, async () => {
      const id = await registerOrder();
      const socket = await listen(`orders/${id}`);
      await publish(`orders/${id}`, { type: "order_delivered", data: { timestamp } });
      expect((await socket.frame()).data.timestamp).toBe(timestamp);
    });
  }

  for (const timestamp of ["yesterday", "2026-02-30T10:00:00", "2026-11-22", "10:15:30", 1700000000, ""]) {
    test(`${JSON.stringify(timestamp)} is refused`, async () => {
      const id = await registerOrder();
      const body = { type: "order_delivered", data: { timestamp } };
      const response = await serviceRequest("POST", `/api/v1/publish/orders/${id}`, body);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ errors: [{ field: "data.timestamp" }] });
    });
  }
});

describe("channel names: order_<order_id> and products", () => {
  test("appear in answers", async () => {
    const id = await registerOrder();
    expect((await publish(`orders/${id}`, { type: "order_delivered", data: {} })).channel).toBe(`order_${id}`);
    const data = { product_id: "p" };
    expect((await publish("products", { type: "product_deleted", data })).channel).toBe("products");
  });
});

describe("health: GET /api/v1/ws/health", () => {
  test("has the shape of the original", async () => {
    const response = await request("/api/v1/ws/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: "healthy",
      redis_status: "disabled",
      active_channels: expect.any(Array),
      total_connections: expect.any(Number),
      channel_details: expect.any(Object),
    });
  });
});

describe("hibernation", () => {
  test("[promise 6] an order's listeners, their identity and their tokens survive it", async () => {
    const id = await registerOrder("alice");
    const owner = await connect(`orders/${id}`, { token: await mintToken() });
    const admin = await connect(`orders/${id}`, { token: await adminToken() });
    await Promise.all([owner.frame(), admin.frame()]);
    await evictDurableObject(orderObject(id));
    expect(await publish(`orders/${id}`, { type: "order_shipped", data: {} })).toMatchObject({ seq: 1, receivers: 2 });
    expect((await owner.frame()).seq).toBe(1);
    expect((await admin.frame()).seq).toBe(1);
    await evictDurableObject(orderObject(id));
    expect(await publish(`orders/${id}`, { type: "order_delivered", data: {} })).toMatchObject({
      seq: 2,
      receivers: 2,
    });
    const late = await connect(`orders/${id}`, { token: await mintToken() });
    expect((await late.frame()).data).toMatchObject({ current_status: "delivered", seq: 2 });
  });

  test("[promise 6] product filters survive it, including changed ones", async () => {
    const [a, b, c] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    const token = await mintToken();
    const one = await connect("products", { token, query: { product_id: a } });
    const two = await connect("products", { token, query: { product_id: [a, c] } });
    await Promise.all([one.frame(), two.frame()]);
    two.send(JSON.stringify({ type: "subscribe", product_ids: [b] }));
    two.send(JSON.stringify({ type: "unsubscribe", product_ids: [c] }));
    await two.settle();
    await evictDurableObject(productsObject());
    for (const product_id of [a, b, c]) await publish("products", { type: "product_deleted", data: { product_id } });
    expect((await one.settle()).map((text) => JSON.parse(text).data.product_id)).toEqual([a]);
    expect((await two.settle()).map((text) => JSON.parse(text).data.product_id)).toEqual([a, b]);
  });

  test("a deploy closes every socket, and the history goes on where it was", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    await evictDurableObject(env.ORDER_CHANNEL.getByName(`order_${id}`), { webSockets: "close" });
    await socket.closed();
    expect(await publish(`orders/${id}`, { type: "order_delivered", data: {} })).toMatchObject({
      seq: 2,
      receivers: 0,
    });
  });
});
