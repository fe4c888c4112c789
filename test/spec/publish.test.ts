import { describe, expect, test } from "vitest";
import type { Problem } from "../../src/protocol/refusals.ts";
import { eventually } from "../support/eventually.ts";
import { connect, listen, orderObject, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

const STATUS = { type: "order_status_changed", data: { old_status: "pending", new_status: "processing" } };

describe("POST /api/v1/publish/orders/{order_id}", () => {
  test("answers with id, channel, seq, status and the number of receivers", async () => {
    const id = await registerOrder();
    const sockets = [await connect(`orders/${id}`, { token: await mintToken() })];
    sockets.push(await connect(`orders/${id}`, { token: await adminToken() }));
    for (const socket of sockets) await socket.frame();
    expect(await publish(`orders/${id}`, { ...STATUS, id: "evt-1" })).toEqual({
      id: "evt-1",
      channel: `order_${id}`,
      seq: 1,
      status: "applied",
      receivers: 2,
    });
  });

  test("counts only connected listeners", async () => {
    const id = await registerOrder();
    const [one, two] = [
      await connect(`orders/${id}`, { token: await mintToken() }),
      await connect(`orders/${id}`, { token: await mintToken() }),
    ];
    await Promise.all([one.frame(), two.frame()]);
    one.close();
    await eventually(async () => expect(await orderObject(id).countListeners()).toBe(1));
    expect((await publish(`orders/${id}`, STATUS)).receivers).toBe(1);
  });

  test("adds order_id to data when the publisher leaves it out", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    await publish(`orders/${id}`, STATUS);
    expect((await socket.frame()).data.order_id).toBe(id);
  });

  test("lower-cases order ids", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    const data = { ...STATUS.data, order_id: id.toUpperCase() };
    const result = await publish(`orders/${id.toUpperCase()}`, { ...STATUS, data });
    expect(result.channel).toBe(`order_${id}`);
    expect((await socket.frame()).data.order_id).toBe(id);
  });

  test("accepts an unregistered order, to which only admins may listen", async () => {
    const id = crypto.randomUUID();
    expect(await publish(`orders/${id}`, STATUS)).toMatchObject({ status: "applied", seq: 1, receivers: 0 });
    const admin = await connect(`orders/${id}`, { token: await adminToken() });
    expect((await admin.frame()).data).toMatchObject({ current_status: "processing", payment_status: null, seq: 1 });
    const user = await connect(`orders/${id}`, { token: await mintToken() });
    expect((await user.closed()).code).toBe(4003);
  });

  test("registers the order with `order` in the same call, and the event's status wins", async () => {
    const id = crypto.randomUUID();
    const order = { user_id: "alice", status: "pending", payment_status: "paid" };
    await publish(`orders/${id}`, { ...STATUS, order });
    const socket = await connect(`orders/${id}`, { token: await mintToken() });
    expect((await socket.frame()).data).toMatchObject({ current_status: "processing", payment_status: "paid", seq: 1 });
  });

  test("keeps what a shipment says for pages that load later", async () => {
    const id = await registerOrder();
    const shipment = async () => {
      const socket = await connect(`orders/${id}`, { token: await mintToken() });
      const { tracking_number, carrier } = (await socket.frame()).data;
      const snapshot = await (await serviceRequest("GET", `/api/v1/orders/${id}`)).json();
      expect(snapshot).toMatchObject({ tracking_number, carrier });
      return [tracking_number, carrier];
    };
    expect(await shipment()).toEqual([null, null]);
    await publish(`orders/${id}`, { type: "order_shipped", data: { tracking_number: "1Z", carrier: "UPS" } });
    await publish(`orders/${id}`, { type: "order_delivered", data: { tracking_number: "unrelated" } });
    expect(await shipment()).toEqual(["1Z", "UPS"]);
    await publish(`orders/${id}`, { type: "order_shipped", data: { tracking_number: "2Z", carrier: null } });
    expect(await shipment()).toEqual(["2Z", "UPS"]);
  });

  test("updates the statuses of the snapshot", async () => {
    const id = await registerOrder("alice", { status: "pending", payment_status: "pending" });
    const statuses = async () => {
      const socket = await connect(`orders/${id}`, { token: await mintToken() });
      const { current_status, payment_status } = (await socket.frame()).data;
      return [current_status, payment_status];
    };
    const steps: [string, Record<string, unknown>, string[]][] = [
      ["order_status_changed", { new_status: "processing" }, ["processing", "pending"]],
      ["payment_status_changed", { new_status: "paid" }, ["processing", "paid"]],
      ["order_shipped", { carrier: "UPS" }, ["shipped", "paid"]],
      ["order_delivered", {}, ["delivered", "paid"]],
      ["order_cancelled", {}, ["cancelled", "paid"]],
    ];
    for (const [type, data, expected] of steps) {
      await publish(`orders/${id}`, { type, data });
      expect(await statuses()).toEqual(expected);
    }
  });

  test("reaches no other order", async () => {
    const [mine, other] = [await registerOrder(), await registerOrder()];
    const socket = await listen(`orders/${other}`);
    await publish(`orders/${mine}`, STATUS);
    expect(await socket.settle()).toEqual([]);
  });
});

describe("[promise 4] a second publish with the same id", () => {
  test("is answered as a duplicate with the first seq and delivers nothing", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    await publish(`orders/${id}`, { ...STATUS, id: "evt-1" });
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const again = await publish(`orders/${id}`, { ...STATUS, id: "evt-1" });
    expect(again).toMatchObject({ id: "evt-1", seq: 1, status: "duplicate", receivers: 0 });
    expect(await socket.settle()).toHaveLength(2);
  });

  test("is recognized by the Idempotency-Key header, too", async () => {
    const id = await registerOrder();
    const headers = { "Idempotency-Key": "key-1" };
    expect(await publish(`orders/${id}`, STATUS, headers)).toMatchObject({ id: "key-1", status: "applied" });
    expect(await publish(`orders/${id}`, STATUS, headers)).toMatchObject({ id: "key-1", status: "duplicate", seq: 1 });
  });

  test("may have its JSON keys in another order", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { id: "e", type: "order_shipped", data: { carrier: "UPS", parts: { a: 1, b: 2 } } });
    const other = { data: { parts: { b: 2, a: 1 }, carrier: "UPS" }, type: "order_shipped", id: "e" };
    expect((await publish(`orders/${id}`, other)).status).toBe("duplicate");
  });

  test("and another body is refused (409) and delivers nothing", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    await publish(`orders/${id}`, { ...STATUS, id: "evt-1" });
    const response = await serviceRequest("POST", `/api/v1/publish/orders/${id}`, {
      ...STATUS,
      data: { new_status: "another" },
      id: "evt-1",
    });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ type: "urn:tidings:problem:id_conflict", status: 409 });
    expect(await socket.settle()).toHaveLength(1);
  });

  test("and another version or order is refused (409), too", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { ...STATUS, id: "evt-1" });
    const order = { user_id: "bob", status: "pending", payment_status: "pending" };
    for (const more of [{ version: 9 }, { order }]) {
      const response = await serviceRequest("POST", `/api/v1/publish/orders/${id}`, {
        ...STATUS,
        id: "evt-1",
        ...more,
      });
      expect(response.status).toBe(409);
    }
    await publish(`orders/${id}`, { ...STATUS, id: "evt-2", version: 1, order });
    expect((await publish(`orders/${id}`, { ...STATUS, id: "evt-2", version: 1, order })).status).toBe("duplicate");
  });

  test("is refused (422) when the body's id differs from the header's", async () => {
    const id = await registerOrder();
    const response = await serviceRequest(
      "POST",
      `/api/v1/publish/orders/${id}`,
      { ...STATUS, id: "one" },
      { "Idempotency-Key": "two" },
    );
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ field: "id" }] });
  });
});

describe("POST /api/v1/publish/batch", () => {
  test("[promise 5] applies the good events and rejects the bad ones; each has its own result, in order", async () => {
    const [one, two] = [await registerOrder(), await registerOrder()];
    const product_id = crypto.randomUUID();
    const response = await serviceRequest("POST", "/api/v1/publish/batch", {
      events: [
        { channel: `order_${one}`, ...STATUS },
        { channel: `order_${two}`, ...STATUS },
        { channel: "order_of_someone", ...STATUS },
        { channel: `order_${one}`, type: "price_updated", data: { new_price: -1 } },
        { channel: "products", type: "inventory_updated", data: { product_id, new_quantity: 3 }, id: "stock-1" },
        { channel: `order_${one}`, type: "order_shipped", data: {} },
        { channel: "products", type: "inventory_updated", data: { product_id, new_quantity: 3 }, id: "stock-1" },
        { channel: "products", type: "inventory_updated", data: { product_id, new_quantity: 4 }, id: "stock-1" },
        7,
      ],
    });
    expect(response.status).toBe(200);
    const { results } = await response.json<{ results: unknown[] }>();
    expect(results).toMatchObject([
      { channel: `order_${one}`, seq: 1, status: "applied" },
      { channel: `order_${two}`, seq: 1, status: "applied" },
      { status: "rejected", error: { status: 422, errors: [{ field: "channel" }] } },
      {
        status: "rejected",
        error: { status: 422, errors: [{ field: "type" }, { field: "data.product_id" }, { field: "data.new_price" }] },
      },
      { channel: "products", status: "applied", id: "stock-1" },
      { channel: `order_${one}`, seq: 2, status: "applied" },
      { channel: "products", status: "duplicate", id: "stock-1" },
      { status: "rejected", error: { status: 409 } },
      { status: "rejected", error: { errors: [{ field: "channel" }] } },
    ]);
  });

  test("[promise 4] is safe to repeat with an Idempotency-Key", async () => {
    const id = await registerOrder();
    const events = [1, 2, 3].map((n) => ({ channel: `order_${id}`, type: "order_shipped", data: { n } }));
    const send = async () => {
      const response = await serviceRequest(
        "POST",
        "/api/v1/publish/batch",
        { events },
        { "Idempotency-Key": "night" },
      );
      const { results } = await response.json<{ results: { status: string; seq: number }[] }>();
      return results.map(({ status, seq }) => `${status} ${seq}`);
    };
    expect(await send()).toEqual(["applied 1", "applied 2", "applied 3"]);
    expect(await send()).toEqual(["duplicate 1", "duplicate 2", "duplicate 3"]);
  });

  test("refuses an Idempotency-Key too long to append the number of an event", async () => {
    const events = [{ channel: "products", type: "product_deleted", data: { product_id: "p" } }];
    const send = (length: number) =>
      serviceRequest("POST", "/api/v1/publish/batch", { events }, { "Idempotency-Key": "k".repeat(length) });
    expect((await send(125)).status).toBe(422);
    expect((await send(124)).status).toBe(200);
  });

  test("refuses __proto__ as a key, like a single publish", async () => {
    const event = '{"channel":"products","type":"product_deleted","data":{"product_id":"p"},"__proto__":{}}';
    const response = await serviceRequest("POST", "/api/v1/publish/batch", `{"events":[${event}]}`);
    expect(await response.json()).toMatchObject({ results: [{ status: "rejected", error: { status: 422 } }] });
  });

  test("accepts a thousand events and refuses one more as a whole", async () => {
    const id = await registerOrder();
    const event = { channel: `order_${id}`, type: "order_shipped", data: {} };
    const thousand = await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(1000).fill(event) });
    expect(thousand.status).toBe(200);
    const { results } = await thousand.json<{ results: { seq: number }[] }>();
    expect(results.map(({ seq }) => seq)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    const more = await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(1001).fill(event) });
    expect(more.status).toBe(422);
  });

  test("[promise 2] sends a channel's events to a tidings.v1 client as one array", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`, {
      headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${await mintToken()}` },
    });
    const events = [1, 2, 3].map((n) => ({ channel: `order_${id}`, type: "order_shipped", data: { n } }));
    await serviceRequest("POST", "/api/v1/publish/batch", { events });
    expect(JSON.parse(await socket.text())).toMatchObject([{ seq: 1 }, { seq: 2 }, { seq: 3 }]);
  });
});

describe("credentials", () => {
  test("every key of PUBLISH_KEYS publishes", async () => {
    const id = await registerOrder();
    const headers = { Authorization: "Bearer test-publish-key-0123456789abcdef-stock" };
    expect((await publish(`orders/${id}`, STATUS, headers)).status).toBe("applied");
  });

  test("a publish key in the query is ignored", async () => {
    const id = await registerOrder();
    const path = `/api/v1/publish/orders/${id}?token=test-publish-key-0123456789abcdef-shop`;
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(STATUS) };
    expect((await request(path, init)).status).toBe(401);
  });
});

test("a timestamp in another form than the profile's is refused with the profile, and one of the profile is sent unchanged", async () => {
  const order = await registerOrder();
  const socket = await listen(`orders/${order}`);
  const timestamp = "2026-11-22 10:15:00+00";
  await publish(`orders/${order}`, { type: "order_shipped", data: { timestamp } });
  expect((await socket.frame()).data.timestamp).toBe(timestamp);
  const body = { type: "order_shipped", data: { timestamp: "22.11.2026 10:15" } };
  const answer = await serviceRequest("POST", `/api/v1/publish/orders/${order}`, body);
  expect(answer.status).toBe(422);
  const { errors } = await answer.json<Problem>();
  expect(errors).toEqual([{ field: "data.timestamp", message: expect.stringContaining("RFC 3339") }]);
});

describe("null, as serialisers of Java and .NET write what is not set,", () => {
  const unset = { order: null, timestamp: null };

  test("is accepted for optional members", async () => {
    const order = await registerOrder();
    const socket = await listen(`orders/${order}`);
    await publish(`orders/${order}`, {
      ...STATUS,
      data: { ...STATUS.data, order_id: null, timestamp: null },
      ...unset,
    });
    expect((await socket.frame()).data).toEqual({ ...STATUS.data, order_id: order, timestamp: null });
    const deleted = { type: "product_deleted", data: { product_id: "p" } };
    expect((await publish("products", { ...deleted, ...unset })).status).toBe("applied");
  });

  test("is refused where a lost value would do harm: an id, a version, or whom to disconnect", async () => {
    const order = await registerOrder();
    for (const [path, body] of [
      [`publish/orders/${order}`, { ...STATUS, id: null }],
      [`publish/orders/${order}`, { ...STATUS, version: null }],
      ["disconnect", { channel: `order_${order}`, user_id: null }],
    ] as const) {
      expect((await serviceRequest("POST", `/api/v1/${path}`, body)).status, JSON.stringify(body)).toBe(422);
    }
  });
});
