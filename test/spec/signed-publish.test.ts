import { afterEach, describe, expect, test, vi } from "vitest";
import type { Problem } from "../../src/protocol/refusals.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { listen, publish, registerOrder, request } from "../support/service.ts";
import { PUBLISH_KEY, SCOPED_KEYS } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { type SigningOptions, signatureOf } from "../support/webhook-signature.ts";

/** A service may sign a publish with its key instead of sending the key (Standard Webhooks specification). */

afterEach(() => {
  vi.useRealTimers();
});

const post = (path: string, body: string, headers: Record<string, string>) =>
  request(`/api/v1/${path}`, { method: "POST", headers, body });
const signed = (path: string, body: unknown, options: SigningOptions = {}) => {
  const text = JSON.stringify(body);
  return post(path, text, signatureOf(text, options));
};
const shipped = (order_id: string, carrier = "UPS") => ({ type: "order_shipped", data: { order_id, carrier } });
const inventory = { type: "inventory_updated", data: { product_id: "p", new_quantity: 3 } };
const fieldsOf = async (response: Response) => (await response.json<Problem>()).errors?.map(({ field }) => field);

describe("a signed request is accepted", () => {
  test("for an order, and its webhook-id becomes the event id", async () => {
    const order = await registerOrder();
    const socket = await listen(`orders/${order}`);
    const response = await signed(`publish/orders/${order}`, shipped(order), { id: "msg_1" });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: "msg_1", status: "applied", receivers: 1 });
    expect(await socket.frame()).toMatchObject({ id: "msg_1", type: "order_shipped" });
  });

  test("for products, and for a batch, whose event ids are the webhook-id and a number", async () => {
    const order = await registerOrder();
    expect((await signed("publish/products", inventory)).status).toBe(200);
    const events = [
      { channel: `order_${order}`, type: "order_shipped", data: {} },
      { channel: "products", ...inventory },
    ];
    const response = await signed("publish/batch", { events }, { id: "night" });
    expect(await response.json()).toMatchObject({
      results: [
        { id: "night/0", status: "applied" },
        { id: "night/1", status: "applied" },
      ],
    });
  });

  test("with the body that Standard Webhooks recommends: its timestamp becomes the data's, unless the data has one", async () => {
    const order = await registerOrder();
    const socket = await listen(`orders/${order}`);
    const timestamp = "2022-11-03T20:26:10.344522Z";
    const body = { ...shipped(order), timestamp };
    const send = async (more: object) => (await signed(`publish/orders/${order}`, { ...body, ...more })).status;
    expect(await send({})).toBe(200);
    expect((await socket.frame()).data).toEqual({ order_id: order, carrier: "UPS", timestamp });
    const own = { order_id: order, timestamp: "2026-11-22T10:15Z" };
    expect(await send({ data: own })).toBe(200);
    expect((await socket.frame()).data).toEqual(own);
    expect(await send({ timestamp: 1667507170 })).toBe(422);
  });

  test("when one of several signatures is valid, as during a key rotation", async () => {
    const order = await registerOrder();
    const body = JSON.stringify(shipped(order));
    const headers = signatureOf(body, { id: "msg_2" });
    const old = signatureOf(body, { id: "msg_2", key: "x".repeat(40) })["webhook-signature"];
    const several = { ...headers, "webhook-signature": `${old} v2,abc ${headers["webhook-signature"]}` };
    expect((await post(`publish/orders/${order}`, body, several)).status).toBe(200);
  });

  test("up to 300 s before or after its timestamp, but not at 301 s", async () => {
    stopClock();
    const statuses: number[] = [];
    for (const at of [-300, 300, -301, 301]) {
      statuses.push((await signed("publish/products", inventory, { at })).status);
    }
    expect(statuses).toEqual([200, 200, 401, 401]);
  });

  test("with a body outside ASCII, because the bytes are signed", async () => {
    const order = await registerOrder();
    const response = await signed(`publish/orders/${order}`, shipped(order, "Päckchen & Söhne 📦"));
    expect(response.status).toBe(200);
  });
});

describe("a replayed signed request", () => {
  test("[promise 4] is answered as a duplicate and delivers nothing", async () => {
    const order = await registerOrder();
    const socket = await listen(`orders/${order}`);
    const body = JSON.stringify(shipped(order));
    const headers = signatureOf(body);
    expect(await (await post(`publish/orders/${order}`, body, headers)).json()).toMatchObject({ status: "applied" });
    expect(await (await post(`publish/orders/${order}`, body, headers)).json()).toMatchObject({ status: "duplicate" });
    expect(await socket.settle()).toHaveLength(1);
  });

  test("is refused after five minutes", async () => {
    stopClock();
    const body = JSON.stringify(inventory);
    const headers = signatureOf(body);
    expect((await post("publish/products", body, headers)).status).toBe(200);
    advanceClock(301_000);
    expect((await post("publish/products", body, headers)).status).toBe(401);
  });

  test("with the same id and another signed body is a conflict (409)", async () => {
    const order = await registerOrder();
    expect((await signed(`publish/orders/${order}`, shipped(order, "UPS"), { id: "same" })).status).toBe(200);
    expect((await signed(`publish/orders/${order}`, shipped(order, "DHL"), { id: "same" })).status).toBe(409);
  });

  test("is refused on another order's path, because the body names its order", async () => {
    const [mine, other] = [await registerOrder("alice"), await registerOrder("bob")];
    const socket = await listen(`orders/${other}`, { token: await mintToken({ subject: "bob" }) });
    const body = JSON.stringify(shipped(mine));
    const response = await post(`publish/orders/${other}`, body, signatureOf(body));
    expect(response.status).toBe(422);
    expect(await fieldsOf(response)).toEqual(["data.order_id"]);
    expect(await socket.settle()).toEqual([]);
  });

  test("is refused on any other path", async () => {
    const order = await registerOrder();
    const bodies: [string, unknown][] = [
      [`publish/orders/${order}`, shipped(order)],
      ["publish/products", inventory],
      ["publish/batch", { events: [{ channel: "products", ...inventory }] }],
    ];
    for (const [own, body] of bodies) {
      for (const path of [...bodies.map(([path]) => path), "disconnect", `orders/${order}/tickets`]) {
        if (path === own) continue;
        const { status } = await signed(path, body);
        expect([own, path, status >= 400 && status < 500]).toEqual([own, path, true]);
      }
    }
  });
});

describe("a signature that does not cover the call is refused (401):", () => {
  test("an order publish whose body does not name the order", async () => {
    const order = await registerOrder();
    const response = await signed(`publish/orders/${order}`, { type: "order_shipped", data: {} });
    expect(response.status).toBe(401);
    expect((await response.json<Problem>()).detail).toContain("data.order_id");
  });

  test("every other call of a service", async () => {
    const order = await registerOrder();
    const registration = { user_id: "mallory", status: "pending", payment_status: "paid" };
    const calls: [string, string, unknown][] = [
      ["PUT", `orders/${order}`, registration],
      ["DELETE", `orders/${order}`, undefined],
      ["GET", `orders/${order}`, undefined],
      ["POST", `orders/${order}/tickets`, {}],
      ["POST", "disconnect", { channel: `order_${order}` }],
    ];
    for (const [method, path, body] of calls) {
      const text = body === undefined ? "" : JSON.stringify(body);
      const init = { method, headers: signatureOf(text), ...(text && { body: text }) };
      expect([path, (await request(`/api/v1/${path}`, init)).status]).toEqual([path, 401]);
    }
  });
});

describe("the webhook-id", () => {
  test("must agree with Idempotency-Key and the body's id", async () => {
    const body = JSON.stringify(inventory);
    const both = { ...signatureOf(body, { id: "one" }), "Idempotency-Key": "two" };
    const response = await post("publish/products", body, both);
    expect([response.status, await fieldsOf(response)]).toEqual([422, ["Idempotency-Key"]]);
    const other = await signed("publish/products", { ...inventory, id: "two" }, { id: "one" });
    expect([other.status, await fieldsOf(other)]).toEqual([422, ["id"]]);
    const same = { ...signatureOf(body, { id: "one" }), "Idempotency-Key": "one" };
    expect((await post("publish/products", body, same)).status).toBe(200);
  });

  test("must be a valid event id", async () => {
    for (const id of ["a b", "x".repeat(129)]) {
      const response = await signed("publish/products", inventory, { id });
      expect([response.status, await fieldsOf(response)]).toEqual([422, ["webhook-id"]]);
    }
  });
});

test("a signature has the scopes of its key: 403 outside of them, per event in a batch", async () => {
  const order = await registerOrder();
  const key = SCOPED_KEYS.products;
  expect((await signed("publish/products", inventory, { key })).status).toBe(200);
  expect((await signed(`publish/orders/${order}`, shipped(order), { key })).status).toBe(403);
  const events = [
    { channel: `order_${order}`, type: "order_shipped", data: {} },
    { channel: "products", ...inventory },
  ];
  const batch = await signed("publish/batch", { events }, { key });
  expect(await batch.json()).toMatchObject({
    results: [
      { status: "rejected", error: { status: 403, detail: "This publish key lacks the scope `orders`." } },
      { status: "applied" },
    ],
  });
});

test("an oversized body is refused before its signature is checked", async () => {
  const response = await signed("publish/products", { ...inventory, padding: "x".repeat(1024 ** 2) });
  expect(response.status).toBe(413);
});

test("an Authorization header takes precedence over a signature", async () => {
  const order = await registerOrder();
  const body = JSON.stringify({ type: "order_shipped", data: {} });
  const headers = { ...signatureOf(body, { key: "x".repeat(40) }), Authorization: `Bearer ${PUBLISH_KEY}` };
  expect((await post(`publish/orders/${order}`, body, headers)).status).toBe(200);
  const wrong = { ...signatureOf(body), Authorization: "Bearer wrong" };
  expect((await post(`publish/orders/${order}`, body, wrong)).status).toBe(401);
  expect((await publish(`orders/${order}`, { type: "order_delivered", data: {} })).status).toBe("applied");
});
