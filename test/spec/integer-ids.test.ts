import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PublishResult } from "../../src/protocol/publish.ts";
import type { Problem } from "../../src/protocol/refusals.ts";
import { connect, listen, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Shops keep the ids of users and products as integers, too: 42 is "42", and "042" is another id. */

const registration = (user_id: unknown) => ({ user_id, status: "pending", payment_status: "pending" });
const mayListen = async (order: string, subject: string) =>
  (await request(`/api/v1/orders/${order}`, { headers: { Authorization: `Bearer ${await mintToken({ subject })}` } }))
    .ok;
/** A product id that no other test uses. */
let lastProduct = 1_000_000;
const newProduct = () => ++lastProduct;
const stock = (product_id: unknown) => ({ type: "inventory_updated", data: { product_id, new_quantity: 1 } });

describe("a user's id as an integer owns an order as its text does, given by", () => {
  const ways: Record<string, (order: string) => Promise<unknown>> = {
    "a PUT": (order) => serviceRequest("PUT", `/api/v1/orders/${order}`, registration(42)),
    "a publish": (order) => publish(`orders/${order}`, { type: "order_created", data: {}, order: registration(42) }),
    "a batch": (order) => {
      const event = { channel: `order_${order}`, type: "order_created", data: {}, order: registration(42) };
      return serviceRequest("POST", "/api/v1/publish/batch", { events: [event] });
    },
  };
  test.each(Object.entries(ways))("%s", async (_, register) => {
    const order = crypto.randomUUID();
    await register(order);
    expect([await mayListen(order, "42"), await mayListen(order, "042")]).toEqual([true, false]);
    expect(await (await serviceRequest("GET", `/api/v1/orders/${order}`)).json()).toMatchObject({ user_id: "42" });
  });
});

test("disconnect closes the sockets of a user whose id is an integer", async () => {
  const order = await registerOrder("42");
  const socket = await connect(`orders/${order}`, { token: await mintToken({ subject: "42" }) });
  await socket.frame();
  const answer = await serviceRequest("POST", "/api/v1/disconnect", { channel: `order_${order}`, user_id: 42 });
  expect(await answer.json()).toEqual({ closed: 1 });
});

describe("a product's id as an integer", () => {
  test("is sent as published, and filtered by its text, in the URL and in subscribe", async () => {
    const product = newProduct();
    const inUrl = await listen("products", { query: { product_id: String(product) } });
    const bySubscribe = await listen("products", { query: { product_id: "none" } });
    bySubscribe.send(JSON.stringify({ type: "subscribe", product_ids: [product] }));
    await bySubscribe.settle();
    for (const id of [`0${product}`, product]) await publish("products", stock(id));
    for (const socket of [inUrl, bySubscribe]) expect((await socket.frame()).data.product_id).toBe(product);
  });

  test("[promise 8] has one version with its text", async () => {
    const product = newProduct();
    expect((await publish("products", { ...stock(product), version: 2 })).status).toBe("applied");
    expect((await publish("products", { ...stock(String(product)), version: 2 })).status).toBe("stale");
    expect((await publish("products", { ...stock(`0${product}`), version: 2 })).status).toBe("applied");
  });

  test.each([2 ** 53, -(2 ** 53), 1.5, true, null, [42], {}, "", "half\ud83d"])("may not be %j", async (id) => {
    const answer = await serviceRequest("POST", "/api/v1/publish/products", stock(id));
    expect(answer.status).toBe(422);
    expect((await answer.json<Problem>()).errors).toEqual([{ field: "data.product_id", message: expect.any(String) }]);
  });

  test.each([2 ** 53, 1.5, true, null, "", "half\ud83d"])("and a user's id may not be %j", async (id) => {
    const answer = await serviceRequest("PUT", `/api/v1/orders/${crypto.randomUUID()}`, registration(id));
    expect(await answer.json<Problem>()).toMatchObject({ status: 422, errors: [{ field: "user_id" }] });
  });
});

describe("[promise 4] a repeated publish is recognised whether its ids are integers or text", () => {
  type Publish = (path: string, body: object) => Promise<{ status: PublishResult["status"] | "conflict" }>;
  const publishOnce: Publish = async (path, body) => {
    const answer = await serviceRequest("POST", `/api/v1/publish/${path}`, body);
    return answer.status === 409 ? { status: "conflict" } : answer.json<PublishResult>();
  };
  const form = fc.constantFrom(
    (id: number) => id,
    String,
    (id: number) => `0${id}`,
  );

  /** Publishes twice under one id. The second is a duplicate if all ids are the same as text, and else a conflict. */
  const property = (publishTo: Publish) =>
    fc.asyncProperty(form, form, form, form, async (product1, product2, user1, user2) => {
      const [product, user] = [newProduct(), 42];
      const outcomeOf = async (path: string, first: object, second: object) => {
        const id = crypto.randomUUID();
        await publishTo(path, { ...first, id });
        return (await publishTo(path, { ...second, id })).status;
      };
      const same = (a: unknown, b: unknown) => (String(a) === String(b) ? "duplicate" : "conflict");
      expect(await outcomeOf("products", stock(product1(product)), stock(product2(product)))).toBe(
        same(product1(product), product2(product)),
      );
      const created = (id: unknown) => ({ type: "order_created", data: {}, order: registration(id) });
      expect(await outcomeOf(`orders/${crypto.randomUUID()}`, created(user1(user)), created(user2(user)))).toBe(
        same(user1(user), user2(user)),
      );
    });

  test("in any combination of forms", () => fc.assert(property(publishOnce), { numRuns: 40 }));

  test("and the property finds a service that takes an integer for another id than its text", async () => {
    const marked = (value: unknown): unknown => (typeof value === "number" && value >= 42 ? `#${value}` : value);
    const confused: Publish = (path, body) =>
      publishOnce(path, JSON.parse(JSON.stringify(body, (_, value) => marked(value))));
    await expect(fc.assert(property(confused), { numRuns: 100 })).rejects.toThrow(/Property failed/);
  });
});
