import { afterEach, describe, expect, test, vi } from "vitest";
import type { Problem } from "../../src/protocol/refusals.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { connect, publish, registerOrder, request } from "../support/service.ts";
import { type SigningOptions, signatureOf } from "../support/signing.ts";
import { PUBLISH_KEY, SCOPED_KEYS } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

/** A service may sign a publish with its key instead of sending the key (Standard Webhooks). */

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

describe("a signed request publishes", () => {
  test("to an order, and its webhook-id is the event's id", async () => {
    const order = await registerOrder();
    const socket = await connect(`orders/${order}`, { token: await mintToken() });
    await socket.frame();
    const response = await signed(`publish/orders/${order}`, shipped(order), { id: "msg_1" });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: "msg_1", status: "applied", receivers: 1 });
    expect(await socket.frame()).toMatchObject({ id: "msg_1", type: "order_shipped" });
  });

  test("to products, and as a batch whose events get the id and their number", async () => {
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

  test("when one of several signatures is right, as while a key is rotated", async () => {
    const order = await registerOrder();
    const body = JSON.stringify(shipped(order));
    const headers = signatureOf(body, { id: "msg_2" });
    const old = signatureOf(body, { id: "msg_2", key: "x".repeat(40) })["webhook-signature"];
    const several = { ...headers, "webhook-signature": `${old} v2,abc ${headers["webhook-signature"]}` };
    expect((await post(`publish/orders/${order}`, body, several)).status).toBe(200);
  });

  test("signed 300 s ago or ahead, but not 301 s", async () => {
    stopClock();
    const statuses: number[] = [];
    for (const at of [-300, 300, -301, 301]) {
      statuses.push((await signed("publish/products", inventory, { at })).status);
    }
    expect(statuses).toEqual([200, 200, 401, 401]);
  });

  test("body by body as bytes: what is no ASCII counts as it was sent", async () => {
    const order = await registerOrder();
    const response = await signed(`publish/orders/${order}`, shipped(order, "Päckchen & Söhne 📦"));
    expect(response.status).toBe(200);
  });
});

describe("a captured request that is sent again", () => {
  test("is a duplicate, and nobody sees it", async () => {
    const order = await registerOrder();
    const socket = await connect(`orders/${order}`, { token: await mintToken() });
    await socket.frame();
    const body = JSON.stringify(shipped(order));
    const headers = signatureOf(body);
    expect(await (await post(`publish/orders/${order}`, body, headers)).json()).toMatchObject({ status: "applied" });
    expect(await (await post(`publish/orders/${order}`, body, headers)).json()).toMatchObject({ status: "duplicate" });
    expect(await socket.settle()).toHaveLength(1);
  });

  test("is too old after five minutes", async () => {
    stopClock();
    const body = JSON.stringify(inventory);
    const headers = signatureOf(body);
    expect((await post("publish/products", body, headers)).status).toBe(200);
    advanceClock(301_000);
    expect((await post("publish/products", body, headers)).status).toBe(401);
  });

  test("with another body that its service signed for the same id is a conflict (409)", async () => {
    const order = await registerOrder();
    expect((await signed(`publish/orders/${order}`, shipped(order, "UPS"), { id: "same" })).status).toBe(200);
    expect((await signed(`publish/orders/${order}`, shipped(order, "DHL"), { id: "same" })).status).toBe(409);
  });

  test("to another order's path is refused, because the body names its own", async () => {
    const [mine, other] = [await registerOrder("alice"), await registerOrder("bob")];
    const socket = await connect(`orders/${other}`, { token: await mintToken({ subject: "bob" }) });
    await socket.frame();
    const body = JSON.stringify(shipped(mine));
    const response = await post(`publish/orders/${other}`, body, signatureOf(body));
    expect(response.status).toBe(422);
    expect(await fieldsOf(response)).toEqual(["data.order_id"]);
    expect(await socket.settle()).toEqual([]);
  });

  test("to any other path is refused", async () => {
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

describe("what a signature does not bind is refused (401)", () => {
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

describe("ids", () => {
  test("Idempotency-Key and the body's id have to agree with webhook-id", async () => {
    const body = JSON.stringify(inventory);
    const both = { ...signatureOf(body, { id: "one" }), "Idempotency-Key": "two" };
    const response = await post("publish/products", body, both);
    expect([response.status, await fieldsOf(response)]).toEqual([422, ["Idempotency-Key"]]);
    const other = await signed("publish/products", { ...inventory, id: "two" }, { id: "one" });
    expect([other.status, await fieldsOf(other)]).toEqual([422, ["id"]]);
    const same = { ...signatureOf(body, { id: "one" }), "Idempotency-Key": "one" };
    expect((await post("publish/products", body, same)).status).toBe(200);
  });

  test("a webhook-id that is no event id is refused", async () => {
    for (const id of ["a b", "x".repeat(129)]) {
      const response = await signed("publish/products", inventory, { id });
      expect([response.status, await fieldsOf(response)]).toEqual([422, ["webhook-id"]]);
    }
  });
});

test("a signature is worth what its key is: 403 out of scope, event by event in a batch", async () => {
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

test("a body that is too large is refused before anybody reads it for a signature", async () => {
  const response = await signed("publish/products", { ...inventory, padding: "x".repeat(1024 ** 2) });
  expect(response.status).toBe(413);
});

test("a key that is sent counts, whatever is signed beside it", async () => {
  const order = await registerOrder();
  const body = JSON.stringify({ type: "order_shipped", data: {} });
  const headers = { ...signatureOf(body, { key: "x".repeat(40) }), Authorization: `Bearer ${PUBLISH_KEY}` };
  expect((await post(`publish/orders/${order}`, body, headers)).status).toBe(200);
  const wrong = { ...signatureOf(body), Authorization: "Bearer wrong" };
  expect((await post(`publish/orders/${order}`, body, wrong)).status).toBe(401);
  expect((await publish(`orders/${order}`, { type: "order_delivered", data: {} })).status).toBe("applied");
});
