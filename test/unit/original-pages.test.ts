import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** Scripts written for the original service run unchanged, except for the host name and the token. */

const ORDER = "123e4567-e89b-12d3-a456-426614174000";
const scripts = [
  ...readFileSync(join(import.meta.dirname, "../support/original-pages.md"), "utf8").matchAll(
    /```javascript\n([\s\S]*?)```/g,
  ),
];
const [orderScript = "", productsScript = "", errorScript = ""] = scripts.map(([, script = ""]) => script);

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
  const order = { user_id: "alice", status: "pending", payment_status: "pending" };
  await callService(service.url, "PUT", `orders/${ORDER}`, order);
});
afterAll(() => service.stop());

/** Runs a page script against the service. Returns its socket after the first message. */
async function runInPage(script: string, token: string, globals: Record<string, unknown>): Promise<WebSocket> {
  const host = new URL(service.url).host;
  class PageWebSocket extends WebSocket {
    constructor(url: string) {
      super(url.replace("localhost:8000", host));
    }
  }
  const names = ["WebSocket", ...Object.keys(globals)];
  const page = new Function(...names, `${script.replace("your_jwt_token", token)}\nreturn ws;`);
  const socket: WebSocket = page(PageWebSocket, ...Object.values(globals));
  await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
  return socket;
}

describe("usage", () => {
  test("the order page shows a new status and a shipment", async () => {
    const page = { updateOrderStatus: vi.fn(), showShippingNotification: vi.fn(), console: { log: vi.fn() } };
    const socket = await runInPage(orderScript, await mintToken(), page);
    const data = {
      order_id: ORDER,
      old_status: "processing",
      new_status: "shipped",
      timestamp: "2026-11-22T10:15:30.123456",
    };
    await callService(service.url, "POST", `publish/orders/${ORDER}`, { type: "order_status_changed", data });
    const shipped = { order_id: ORDER, carrier: "UPS", tracking_number: "1Z" };
    await callService(service.url, "POST", `publish/orders/${ORDER}`, { type: "order_shipped", data: shipped });
    await eventually(() => expect(page.showShippingNotification).toHaveBeenCalledWith(shipped));
    expect(page.updateOrderStatus.mock.calls).toEqual([["shipped"]]);
    socket.close();
  });

  test("the shop page shows stock and prices", async () => {
    const page = { updateProductStock: vi.fn(), updateProductPrice: vi.fn(), console: { log: vi.fn() } };
    const socket = await runInPage(productsScript, await mintToken(), page);
    const stock = {
      product_id: "p-1",
      sku: "MUG",
      old_quantity: 10,
      new_quantity: 5,
      timestamp: "2026-11-22T10:15:30.1",
    };
    await callService(service.url, "POST", "publish/products", { type: "inventory_updated", data: stock });
    const price = { product_id: "p-1", old_price: 12.5, new_price: 9.99 };
    await callService(service.url, "POST", "publish/products", { type: "price_updated", data: price });
    await eventually(() => expect(page.updateProductPrice).toHaveBeenCalledWith("p-1", 9.99));
    expect(page.updateProductStock).toHaveBeenCalledWith("p-1", 5);
    socket.close();
  });
});

describe("error handling", () => {
  /** Runs the page's error handling on a socket. Returns what it did after the socket closed. */
  async function reactionToClose(url: string, whenOpen: () => unknown = () => {}) {
    const ws = new WebSocket(url);
    const window = { location: { href: "/orders" } };
    const setTimeout = vi.fn();
    const connectWebSocket = () => {};
    new Function("ws", "window", "setTimeout", "connectWebSocket", "console", errorScript)(
      ws,
      window,
      setTimeout,
      connectWebSocket,
      { error: vi.fn() },
    );
    const closed = new Promise((resolve) => ws.addEventListener("close", resolve));
    await new Promise((resolve) => ws.addEventListener("open", resolve));
    await whenOpen();
    await closed;
    return { page: window.location.href, retries: setTimeout.mock.calls, connectWebSocket };
  }

  test("4001 redirects to the login page", async () => {
    const url = `${service.url.replace("http", "ws")}/api/v1/ws/orders/${ORDER}?token=expired`;
    expect(await reactionToClose(url)).toMatchObject({ page: "/login", retries: [] });
  });

  test("any other close is retried", async () => {
    const url = `${service.url.replace("http", "ws")}/api/v1/ws/products?token=${await mintToken()}`;
    const { page, retries, connectWebSocket } = await reactionToClose(url, () => service.kill());
    await service.restart();
    expect(page).toBe("/orders");
    expect(retries).toEqual([[connectWebSocket, 5000]]);
  });
});
