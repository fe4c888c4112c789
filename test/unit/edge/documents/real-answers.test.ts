import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogueWith } from "../../../../src/protocol/catalogue.ts";
import { callService, listenAt, registerOrderAt } from "../../../support/node-client.ts";
import { schemaChecker, step } from "../../../support/schema-checker.ts";
import { mintToken } from "../../../support/tokens.ts";
import { startTidings, type Workerd } from "../../../support/workerd.ts";

/** Compares a running service with its own documents. */

let service: Workerd;
let check: Record<"http" | "sockets", ReturnType<typeof schemaChecker>>;
beforeAll(async () => {
  service = await startTidings();
  const read = async (name: string) => (await fetch(`${service.url}/${name}.json`)).json();
  check = {
    http: schemaChecker(await read("openapi"), "draft-2020-12"),
    sockets: schemaChecker(await read("asyncapi"), "draft-7"),
  };
});
afterAll(() => service.stop());

const catalogue = catalogueWith([]);
const ORDER = crypto.randomUUID();
const UNKNOWN_ORDER = crypto.randomUUID();
const registration = { user_id: "alice", status: "pending", payment_status: "pending" };
const shipped = { type: "order_shipped", data: { carrier: "UPS" }, id: "one" };
const price = { type: "price_updated", data: { product_id: "p", new_price: 1 } };

describe("responses match openapi.json", () => {
  const calls: [method: string, path: string, template: string, body: unknown, status: number][] = [
    ["PUT", `orders/${ORDER}`, "orders/{order_id}", registration, 201],
    ["PUT", `orders/${ORDER}`, "orders/{order_id}", registration, 200],
    ["PUT", `orders/${ORDER}`, "orders/{order_id}", {}, 422],
    ["PUT", "orders/1", "orders/{order_id}", registration, 400],
    ["GET", `orders/${ORDER}`, "orders/{order_id}", undefined, 200],
    ["GET", `orders/${UNKNOWN_ORDER}`, "orders/{order_id}", undefined, 404],
    ["POST", `publish/orders/${ORDER}`, "publish/orders/{order_id}", shipped, 200],
    ["POST", `publish/orders/${ORDER}`, "publish/orders/{order_id}", { ...shipped, data: {} }, 409],
    ["POST", `publish/orders/${ORDER}`, "publish/orders/{order_id}", { type: "none" }, 422],
    ["POST", "publish/products", "publish/products", { ...price, version: 1 }, 200],
    ["POST", "publish/products", "publish/products", { ...price, version: 1 }, 200],
    [
      "POST",
      "publish/batch",
      "publish/batch",
      { events: [{ channel: "products", ...price }, { channel: "products" }] },
      200,
    ],
    ["POST", `orders/${ORDER}/tickets`, "orders/{order_id}/tickets", { ttl_seconds: 60 }, 201],
    ["POST", `orders/${ORDER}/tickets`, "orders/{order_id}/tickets", { ttl_seconds: 1 }, 422],
    ["POST", `orders/${UNKNOWN_ORDER}/tickets`, "orders/{order_id}/tickets", {}, 404],
    ["POST", "disconnect", "disconnect", { channel: "products" }, 200],
    ["GET", "ws/health", "ws/health", undefined, 200],
    ["DELETE", `orders/${UNKNOWN_ORDER}`, "orders/{order_id}", undefined, 404],
  ];
  for (const [method, path, template, body, status] of calls) {
    test(`${method} ${template}: ${status}`, async () => {
      const answer = await callService(service.url, method, path, body);
      expect(answer.status).toBe(status);
      const mediaType = answer.headers.get("Content-Type") ?? "";
      const place = `/paths${step(`/api/v1/${template}`)}/${method.toLowerCase()}/responses/${status}`;
      expect(check.http(`${place}/content${step(mediaType)}/schema`, await answer.json())).toEqual([]);
    });
  }
});

describe("frames match asyncapi.json", () => {
  const expectMessage = (name: string, value: unknown) =>
    expect(check.sockets(`/components/messages/${name}/payload`, value), name).toEqual([]);

  for (const kind of ["order", "products"] as const) {
    test(`on the ${kind} socket`, async () => {
      const order = await registerOrderAt(service.url);
      const [socket, target] = kind === "order" ? [`orders/${order}`, `orders/${order}`] : ["products", "products"];
      const first = Promise.withResolvers<unknown>();
      const raw = new WebSocket(`${service.url.replace("http", "ws")}/api/v1/ws/${socket}?token=${await mintToken()}`);
      raw.addEventListener("message", ({ data }) => first.resolve(JSON.parse(data)));
      expectMessage(`${kind}.established`, await first.promise);
      raw.close();

      const listener = await listenAt(service.url, socket);
      const events = [...catalogue].filter(([, { channel }]) => channel === kind);
      for (const [type, { example }] of events) {
        const data = { ...example, order_id: order };
        await callService(service.url, "POST", `publish/${target}`, { type, data });
      }
      const frames = await listener.receive(events.length);
      for (const frame of frames) expectMessage(frame.type, frame);
      expectMessage(`${kind}.frames`, frames);
      listener.close();
    });
  }
});
