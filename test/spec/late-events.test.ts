import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { connect, listen, orderObject, productsObject, publish, registerOrder } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** An event whose `version` is not above the last one is answered `stale`, and neither stored nor sent. */

describe("[promise 8] an order", () => {
  test("rejects events at or below its last version as stale, and delivers none of them, also after hibernation", async () => {
    const id = await registerOrder();
    const socket = await listen(`orders/${id}`);
    const change = (version: number, new_status: string) =>
      publish(`orders/${id}`, {
        type: "order_status_changed",
        data: { new_status },
        version,
        id: `v${version}-${new_status}`,
      });
    expect(await change(5, "packed")).toMatchObject({ status: "applied", seq: 1 });
    expect(await change(4, "pending")).toMatchObject({ status: "stale", seq: null, receivers: 0 });
    expect(await change(5, "pending")).toMatchObject({ status: "stale" });
    expect(await change(5, "packed")).toMatchObject({ status: "duplicate", seq: 1 });
    await evictDurableObject(orderObject(id));
    expect(await change(5, "again")).toMatchObject({ status: "stale" });
    expect(await change(7, "shipped")).toMatchObject({ status: "applied", seq: 2 });
    expect((await socket.settle()).map((text) => JSON.parse(text).data.new_status)).toEqual(["packed", "shipped"]);
    const late = await connect(`orders/${id}`, { token: await mintToken() });
    expect((await late.frame()).data).toMatchObject({ current_status: "shipped", seq: 2 });
  });

  test("applies an event without a version at any time", async () => {
    const id = await registerOrder();
    await publish(`orders/${id}`, { type: "order_shipped", data: {}, version: 9 });
    expect((await publish(`orders/${id}`, { type: "order_delivered", data: {} })).status).toBe("applied");
    expect((await publish(`orders/${id}`, { type: "order_cancelled", data: {}, version: 9 })).status).toBe("stale");
  });

  test("does not change owner through a stale event's registration", async () => {
    const id = await registerOrder("alice");
    await publish(`orders/${id}`, { type: "order_shipped", data: {}, version: 2 });
    const order = { user_id: "mallory", status: "pending", payment_status: "pending" };
    await publish(`orders/${id}`, { type: "order_shipped", data: {}, version: 1, order });
    expect((await (await connect(`orders/${id}`, { token: await mintToken() })).frame()).type).toBe(
      "connection_established",
    );
  });
});

describe("[promise 8] products", () => {
  test("each have a version of their own, also after hibernation", async () => {
    const [a, b] = [crypto.randomUUID(), crypto.randomUUID()];
    const stock = (product_id: string, version: number, new_quantity = version) =>
      publish("products", { type: "inventory_updated", data: { product_id, new_quantity }, version });
    expect((await stock(a, 3)).status).toBe("applied");
    expect((await stock(b, 1)).status).toBe("applied");
    expect((await stock(a, 2)).status).toBe("stale");
    await evictDurableObject(productsObject());
    expect((await stock(a, 3, 0)).status).toBe("stale");
    expect((await stock(b, 2)).status).toBe("applied");
  });
});
