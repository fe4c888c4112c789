import { describe, expect, test } from "vitest";
import { CLIENT_MESSAGES_BURST } from "../../src/protocol/limits.ts";
import type { Problem } from "../../src/protocol/refusals.ts";
import { connect, listen, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Bad input is answered with the right 4xx that names every bad field, and no socket receives anything. */

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  const problem = await response.json<Problem>();
  expect(problem.status).toBe(response.status);
  return problem;
}

const fields = ({ errors }: Problem) => (errors ?? []).map(({ field }) => field).sort();
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("an event", async () => {
  const order = await registerOrder();
  const other = crypto.randomUUID();
  const event = { type: "order_status_changed", data: { new_status: "processing" } };
  const inventory = (data: Record<string, unknown>) => ({
    type: "inventory_updated",
    data: { product_id: "p", ...data },
  });

  const refused: [name: string, path: string, body: unknown, status: number, fields: string[]][] = [
    ["that is not an object", `orders/${order}`, [], 422, ["body"]],
    ["that is null", `orders/${order}`, null, 422, ["body"]],
    ["that is empty JSON", `orders/${order}`, {}, 422, ["data", "type"]],
    ["with an unknown type", `orders/${order}`, { ...event, type: "order_eaten" }, 422, ["type"]],
    ["with a type that every object inherits", `orders/${order}`, { ...event, type: "toString" }, 422, ["type"]],
    ["with a type that is not text", `orders/${order}`, { ...event, type: 7 }, 422, ["type"]],
    ["for products, sent to an order", `orders/${order}`, inventory({ new_quantity: 1 }), 422, ["type"]],
    ["for an order, sent to products", "products", event, 422, ["type"]],
    ["with data that is a list", `orders/${order}`, { ...event, data: [] }, 422, ["data"]],
    [
      "with another order's id",
      `orders/${order}`,
      { ...event, data: { ...event.data, order_id: other } },
      422,
      ["data.order_id"],
    ],
    [
      "with a number as order_id",
      `orders/${order}`,
      { ...event, data: { ...event.data, order_id: 7 } },
      422,
      ["data.order_id"],
    ],
    [
      "with an object as status whose length is no number (found by fuzzing)",
      `orders/${order}`,
      { ...event, data: { new_status: { length: { toString: 1 } } } },
      422,
      ["data.new_status"],
    ],
    ["without its status", `orders/${order}`, { ...event, data: {} }, 422, ["data.new_status"]],
    [
      "with several bad fields",
      `orders/${order}`,
      { type: event.type, data: { old_status: 1, new_status: "", timestamp: "soon" }, id: "", version: -1, when: 0 },
      422,
      ["data.new_status", "data.old_status", "data.timestamp", "id", "version", "when"],
    ],
    ["with an id of 129 characters", `orders/${order}`, { ...event, id: "x".repeat(129) }, 422, ["id"]],
    ["with an id that has a space", `orders/${order}`, { ...event, id: "a b" }, 422, ["id"]],
    ["with a version that is not an integer", `orders/${order}`, { ...event, version: 1.5 }, 422, ["version"]],
    [
      "with an incomplete order",
      `orders/${order}`,
      { ...event, order: { user_id: "alice" } },
      422,
      ["order.payment_status", "order.status"],
    ],
    [
      "with an order, sent to products",
      "products",
      { ...inventory({ new_quantity: 1 }), order: { user_id: "a", status: "b", payment_status: "c" } },
      422,
      ["order"],
    ],
    ["without product_id", "products", { type: "product_deleted", data: {} }, 422, ["data.product_id"]],
    ["with a negative quantity", "products", inventory({ new_quantity: -1 }), 422, ["data.new_quantity"]],
    [
      "with a quantity that is not an integer",
      "products",
      inventory({ new_quantity: 1.5 }),
      422,
      ["data.new_quantity"],
    ],
    ["with a quantity as text", "products", inventory({ new_quantity: "5" }), 422, ["data.new_quantity"]],
    [
      "with a bad old quantity",
      "products",
      inventory({ old_quantity: "5", new_quantity: 5 }),
      422,
      ["data.old_quantity"],
    ],
    [
      "with a negative price",
      "products",
      { type: "price_updated", data: { product_id: "p", new_price: -0.01 } },
      422,
      ["data.new_price"],
    ],
    [
      "with a price beyond JSON's numbers",
      "products",
      '{"type":"price_updated","data":{"product_id":"p","new_price":1e999}}',
      422,
      ["data.new_price"],
    ],
    [
      "with an integer beyond the safe range",
      "products",
      '{"type":"product_deleted","data":{"product_id":"p","serial":12345678901234567890}}',
      422,
      ["data.serial"],
    ],
    [
      "with __proto__",
      "products",
      '{"type":"product_deleted","data":{"product_id":"p","a":[{"__proto__":{}}]}}',
      422,
      ["data.a[0].__proto__"],
    ],
    [
      "with constructor",
      "products",
      '{"type":"product_deleted","data":{"product_id":"p","constructor":{}}}',
      422,
      ["data.constructor"],
    ],
    [
      "nested too deeply",
      "products",
      `{"type":"product_deleted","data":{"product_id":"p","a":${nested(40)}}}`,
      422,
      [`data.a${"[0]".repeat(31)}`],
    ],
    [
      "nested deeply enough to exhaust the stack",
      "products",
      `{"type":"product_deleted","data":{"product_id":"p","a":${nested(30_000)}}}`,
      422,
      [`data.a${"[0]".repeat(31)}`],
    ],
    ["that is broken JSON", `orders/${order}`, '{"type":', 400, []],
    ["that is empty", `orders/${order}`, "", 400, []],
    ["that is not UTF-8", `orders/${order}`, "\u0000BINARY", 400, []],
    [
      "of more than 64 KB",
      `orders/${order}`,
      { ...event, data: { new_status: "a", note: "x".repeat(65_536) } },
      413,
      ["data"],
    ],
    ["to an order id that is not a UUID", "orders/123", event, 400, ["order_id"]],
    ["to a broken percent-encoding", "orders/%E0%A4%A", event, 400, ["order_id"]],
    ["to an order id with a line break", `orders/${order}%0A`, event, 400, ["order_id"]],
  ];

  for (const [name, path, body, status, expected] of refused) {
    test(`${name}: ${status}`, async () => {
      const token = await mintToken();
      const sockets = [await connect(`orders/${order}`, { token }), await connect("products", { token })];
      for (const socket of sockets) await socket.frame();
      const isBinary = typeof body === "string" && body.includes("BINARY");
      const response = isBinary
        ? await request(`/api/v1/publish/${path}`, {
            method: "POST",
            headers: {
              Authorization: "Bearer test-publish-key-0123456789abcdef-shop",
              "Content-Type": "application/json",
            },
            body: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
          })
        : await serviceRequest("POST", `/api/v1/publish/${path}`, body === "" ? "" : body);
      expect(response.status).toBe(status);
      expect(fields(await problemOf(response))).toEqual(expected);
      for (const socket of sockets) expect(await socket.settle()).toEqual([]);
    });
  }

  test("is refused with what each field must be", async () => {
    const event = inventory({ old_quantity: "7", new_quantity: -1 });
    const { errors } = await problemOf(await serviceRequest("POST", "/api/v1/publish/products", event));
    expect(errors).toContainEqual({ field: "data.old_quantity", message: "must be a number" });
    expect(errors).toContainEqual({ field: "data.new_quantity", message: "must be at least 0" });
    expect(errors).toHaveLength(2);
    const empty = await problemOf(await serviceRequest("POST", "/api/v1/publish/products", inventory({})));
    expect(empty.errors).toEqual([{ field: "data.new_quantity", message: "is missing" }]);
  });

  test("of just under 64 KB with unknown fields is accepted", async () => {
    const data = { new_status: "processing", note: "x".repeat(65_000), deep: JSON.parse(nested(30)) };
    expect((await publish(`orders/${order}`, { ...event, data })).status).toBe("applied");
  });
});

describe("a batch", () => {
  const bad: [string, unknown, number][] = [
    ["that is not an object", [], 422],
    ["without events", {}, 422],
    ["with events that are not a list", { events: {} }, 422],
    ["with an empty list of events", { events: [] }, 422],
    ["with an unknown field", { events: [{}], mode: "fast" }, 422],
    ["of more than 1 MB", { events: [{ channel: "products", data: "x".repeat(1024 * 1024) }] }, 413],
    ["that is broken JSON", "{", 400],
    [
      "with a number that would lose digits, beside an event nested deeply enough to exhaust the stack",
      `{"events":[${nested(30_000)},{"channel":"products","type":"product_deleted","data":{"product_id":"p","n":0.1234567890123456789}}]}`,
      400,
    ],
  ];
  for (const [name, body, status] of bad) {
    test(`${name}: ${status}`, async () => {
      const response = await serviceRequest("POST", "/api/v1/publish/batch", body);
      expect(response.status).toBe(status);
      await problemOf(response);
    });
  }

  test("[promise 5] rejects only the event of more than 64 KB", async () => {
    const product = (note: string) => ({
      channel: "products",
      type: "product_deleted",
      data: { product_id: "p", note },
    });
    const response = await serviceRequest("POST", "/api/v1/publish/batch", {
      events: [product("x".repeat(70_000)), product("")],
    });
    expect(await response.json()).toMatchObject({ results: [{ status: "rejected" }, { status: "applied" }] });
  });
});

describe("a request", () => {
  const cases: [string, string, RequestInit, number][] = [
    ["to an unknown path", "/api/v2/ws/products", {}, 404],
    ["with a wrong method", "/api/v1/publish/products", { method: "GET" }, 405],
    ["with a wrong method on a socket", "/api/v1/ws/products", { method: "POST" }, 405],
    ["for a socket without an upgrade", "/api/v1/ws/products", {}, 426],
    ["for an order's socket without an upgrade", "/api/v1/ws/orders/x", {}, 426],
    ["with broken percent-encoding", "/api/v1/orders/%ZZ%", {}, 401],
  ];
  for (const [name, path, init, status] of cases) {
    test(`${name}: ${status}`, async () => {
      const response = await request(path, init);
      expect(response.status).toBe(status);
      await problemOf(response);
    });
  }

  test("with a wrong method: 405 lists the allowed methods", async () => {
    const response = await request("/api/v1/orders/x", { method: "PATCH" });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")?.split(", ").sort()).toEqual(["DELETE", "GET", "HEAD", "PUT"]);
  });

  for (const type of ["text/plain", "application/x-www-form-urlencoded", ""]) {
    test(`with Content-Type ${JSON.stringify(type)}: 415`, async () => {
      const response = await serviceRequest("POST", "/api/v1/publish/products", "{}", { "Content-Type": type });
      expect(response.status).toBe(415);
      await problemOf(response);
    });
  }

  test("without a Content-Length is refused as soon as it exceeds the limit", async () => {
    let chunks = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (chunks++ < 10_000) controller.enqueue(new Uint8Array(1024).fill(32));
        else controller.close();
      },
    });
    const response = await request("/api/v1/publish/products", {
      method: "POST",
      headers: { Authorization: "Bearer test-publish-key-0123456789abcdef-shop", "Content-Type": "application/json" },
      body,
    });
    expect(response.status).toBe(413);
    expect(chunks).toBeLessThan(1100);
  });
});

const v1 = (token: string) => ({ headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } });
type ClientText = [name: string, message: string | ArrayBuffer];

/** What common clients send to keep a connection alive, and what else the original service ignored. */
const UNKNOWN_TEXTS: ClientText[] = [
  ["text that is not JSON", "hello"],
  ["an empty text", ""],
  ["an unknown type", '{"type":"publish"}'],
  ["no type", '{"event":"ping"}'],
  ["another heartbeat", '{"type":"heartbeat","timestamp":1}'],
  ["a heartbeat as an action", '{"action":"ping"}'],
  ["a heartbeat of Phoenix", '[null,"1","phoenix","heartbeat",{}]'],
  ["a ping of Socket.IO", "2"],
  ["a line break, the heartbeat of STOMP", "\n"],
  ["PING", "PING"],
  ["a ping with a space", "ping "],
  ["a ping in quotes", '"ping"'],
  ["JSON that is not an object", "7"],
  ["an ack without seq", '{"type":"ack"}'],
  ["a message that was cut off", '{"type":"subscribe","product_ids":["a"'],
  ["bytes", new Uint8Array([1, 2, 3]).buffer],
  ["JSON nested deeply enough to exhaust the stack", nested(2000)],
];

const MALFORMED_MESSAGES: ClientText[] = [
  ["a subscribe without product_ids", '{"type":"subscribe"}'],
  ["an empty list", '{"type":"subscribe","product_ids":[]}'],
  ["an unsubscribe of a number", '{"type":"unsubscribe","product_ids":[{}]}'],
  ["an authenticate without a token", '{"type":"authenticate"}'],
  ["51 products", JSON.stringify({ type: "subscribe", product_ids: Array.from({ length: 51 }, (_, i) => `p${i}`) })],
  ["a product id of 129 characters", JSON.stringify({ type: "subscribe", product_ids: ["x".repeat(129)] })],
  ["more than 16 KB", JSON.stringify({ type: "subscribe", product_ids: ["a"], padding: "x".repeat(16_384) })],
  [
    "more than 16 KB of multi-byte characters",
    JSON.stringify({ type: "subscribe", product_ids: ["a"], padding: "€".repeat(5500) }),
  ],
];

describe("[promise 5] a bad client message closes only its own socket, with 4005:", () => {
  const cases: [name: string, message: string | ArrayBuffer, speaksV1: boolean][] = [
    ...UNKNOWN_TEXTS.map(([name, message]): [string, typeof message, boolean] => [name, message, true]),
    ...MALFORMED_MESSAGES.flatMap(([name, message]): [string, typeof message, boolean][] => [
      [name, message, true],
      [`${name}, from a plain client`, message, false],
    ]),
  ];
  for (const [name, message, speaksV1] of cases) {
    test(name, async () => {
      const token = await mintToken();
      const bad = await listen("products", speaksV1 ? v1(token) : { token });
      const good = await listen("products", { token });
      bad.send(message);
      if (speaksV1) expect((await bad.frame()).data).toMatchObject({ code: 4005, reason: "Protocol error" });
      else expect(await bad.closed()).toEqual({ code: 4005, reason: "Protocol error" });
      expect(await good.settle()).toEqual([]);
    });
  }

  test("a product filter at an order", async () => {
    const socket = await listen(`orders/${await registerOrder()}`);
    socket.send('{"type":"subscribe","product_ids":["a"]}');
    expect((await socket.closed()).code).toBe(4005);
  });

  test("a subscribe that adds the fifty-first product", async () => {
    const socket = await listen("products");
    const subscribe = (from: number, count: number) =>
      socket.send(
        JSON.stringify({ type: "subscribe", product_ids: Array.from({ length: count }, (_, i) => `p${from + i}`) }),
      );
    subscribe(0, 50);
    expect(await socket.settle()).toEqual([]);
    subscribe(50, 1);
    expect((await socket.closed()).code).toBe(4005);
  });

  test("a filter of 51 products in the URL", async () => {
    const product_id = Array.from({ length: 51 }, (_, i) => `p${i}`);
    const socket = await connect("products", { token: await mintToken(), query: { product_id } });
    expect((await socket.closed()).code).toBe(4005);
  });
});

describe("a plain client may send what the original service ignored:", () => {
  for (const [name, message] of UNKNOWN_TEXTS) {
    test(name, async () => {
      const socket = await listen("products");
      socket.send(message);
      socket.send('{"type":"ping"}');
      expect(await socket.text()).toBe('{"type":"pong"}');
    });
  }

  test("but not more often than other messages", async () => {
    const socket = await listen("products");
    for (let i = 0; i <= CLIENT_MESSAGES_BURST; i++) socket.send("PING");
    expect((await socket.closed()).code).toBe(4129);
  });
});

describe('{"type":"ping"} is answered with {"type":"pong"}', () => {
  test("for each kind of client, whatever else it carries", async () => {
    const id = await registerOrder();
    const token = await mintToken();
    for (const socket of [await listen(`orders/${id}`, { token }), await listen(`orders/${id}`, v1(token))]) {
      socket.send('{"type":"ping","timestamp":1764100000000}');
      expect(await socket.text()).toBe('{"type":"pong"}');
    }
  });
});
