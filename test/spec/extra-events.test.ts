import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import type { Problem } from "../../src/protocol/refusals.ts";
import { silence } from "../support/leak-guard/console.ts";
import { listen, ORIGIN, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { TEST_ENV } from "../support/test-env.ts";

/**
 * The events that the service under test declares:
 * `orders:order_refunded+status,orders:note_added,products:stock_reserved`.
 */

const statusOf = async (order: string) =>
  (await (await serviceRequest("GET", `/api/v1/orders/${order}`)).json<{ status: string }>()).status;

describe("a type of EXTRA_EVENTS", () => {
  test("is delivered with its data unchanged", async () => {
    const order = await registerOrder();
    const socket = await listen(`orders/${order}`);
    const data = { order_id: order, new_status: 7, lines: [{ sku: "MUG", note: null }] };
    expect(await publish(`orders/${order}`, { type: "note_added", data, id: "n-1" })).toMatchObject({ receivers: 1 });
    expect(await socket.frame()).toEqual({ type: "note_added", data, id: "n-1", seq: 1, ts: expect.any(String) });
  });

  test("declared with +status gives the order its new_status, and its frame says so", async () => {
    const order = await registerOrder();
    const socket = await listen(`orders/${order}`);
    await publish(`orders/${order}`, { type: "order_refunded", data: { new_status: "refunded" } });
    expect(await socket.frame()).toMatchObject({ type: "order_refunded", status: "refunded" });
    expect(await statusOf(order)).toBe("refunded");
    for (const data of [{}, { new_status: null }]) {
      await publish(`orders/${order}`, { type: "order_refunded", data });
      expect(await socket.frame()).not.toHaveProperty("status");
    }
    expect(await statusOf(order)).toBe("refunded");
  });

  test("declared without +status leaves the order's status as it is, as order_created does", async () => {
    const order = await registerOrder("alice", { status: "pending" });
    for (const type of ["note_added", "order_created"]) {
      await publish(`orders/${order}`, { type, data: { new_status: "hacked" } });
      expect(await statusOf(order)).toBe("pending");
    }
  });

  test("of products needs a product_id, by which it is filtered", async () => {
    const [mug, cup] = [crypto.randomUUID(), crypto.randomUUID()];
    const socket = await listen("products", { query: { product_id: mug } });
    for (const product_id of [cup, mug]) await publish("products", { type: "stock_reserved", data: { product_id } });
    expect(await socket.frame()).toMatchObject({ type: "stock_reserved", data: { product_id: mug } });
    const answer = await serviceRequest("POST", "/api/v1/publish/products", { type: "stock_reserved", data: {} });
    expect(await answer.json<Problem>()).toMatchObject({ status: 422, errors: [{ field: "data.product_id" }] });
  });

  test("is published in a batch beside others", async () => {
    const channel = `order_${await registerOrder()}`;
    const events = ["order_refunded", "order_eaten", "stock_reserved"].map((type) => ({ channel, type, data: {} }));
    const answer = await serviceRequest("POST", "/api/v1/publish/batch", { events });
    const { results } = await answer.json<{ results: { status: string }[] }>();
    expect(results.map(({ status }) => status)).toEqual(["applied", "rejected", "rejected"]);
  });

  test("is in both documents", async () => {
    for (const document of ["openapi", "asyncapi"]) {
      const text = await (await request(`/${document}.json`)).text();
      for (const type of ["order_refunded", "note_added", "stock_reserved"]) expect(text).toContain(`"${type}"`);
    }
  });
});

test("an unknown type is refused with the types there are and the setting that adds others", async () => {
  const answer = await serviceRequest("POST", "/api/v1/publish/products", { type: "stock_lost", data: {} });
  expect(answer.status).toBe(422);
  const { errors } = await answer.json<Problem>();
  expect(errors).toEqual([{ field: "type", message: expect.stringMatching(/stock_reserved.*EXTRA_EVENTS/) }]);
});

test("a type that cannot be one is named by the first request, whatever it asks for", async () => {
  silence();
  const broken = { ...env, ...TEST_ENV, EXTRA_EVENTS: "orders:Refund!,orders:closing,orders:note_added" };
  for (const [method, path] of [
    ["GET", "ws/health"],
    ["POST", "publish/products"],
  ] as const) {
    const answer = await app.fetch(new Request(`${ORIGIN}/api/v1/${path}`, { method }), broken);
    expect(answer.status).toBe(503);
    const { errors } = await answer.json<Problem>();
    expect(errors).toEqual([
      { field: "EXTRA_EVENTS", message: expect.stringMatching(/"orders:Refund!".*"orders:closing"/) },
    ]);
    expect(JSON.stringify(errors)).not.toContain('"orders:note_added"');
  }
});
