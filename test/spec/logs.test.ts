import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { eventually } from "../support/eventually.ts";
import { capturePrinted, type Printed } from "../support/leak-guard/console.ts";
import {
  type ConnectOptions,
  connect,
  ORIGIN,
  orderObject,
  publish,
  registerOrder,
  serviceRequest,
} from "../support/service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

/** What happens can be read in the log: one line each, under the name that the answer has. */

/** Texts that tell who it is and what it is about, if they come to the log. */
const USER = "ingeborg.of.the.log";
const PAYLOAD = 'a "quoted" wish for the log';
const token = await mintToken({ subject: USER });

let printed: Printed[];
beforeEach(() => {
  printed = capturePrinted();
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const { level, text } of printed) {
    expect(JSON.parse(text).level).toBe(level);
    expect(text).not.toContain("\n");
    for (const secret of [USER, token, PUBLISH_KEY, PAYLOAD, JSON.stringify(PAYLOAD).slice(1, -1)]) {
      expect(text).not.toContain(secret);
    }
  }
});

/** Every line about one request; the others are of what the test did besides. */
const about = (requestId: string | null) =>
  printed.map(({ text }) => JSON.parse(text)).filter(({ request_id }) => request_id === requestId);
const nameOf = (answer: Response) => {
  const requestId = answer.headers.get("X-Request-Id");
  expect(requestId).toMatch(/^[\w-]{8,64}$/);
  return requestId;
};
/** A handshake's answer has no header of ours, so it gets a name as Cloudflare gives it. */
function connectAs(ray: string, path: string, options: ConnectOptions = {}) {
  return connect(path, { token, ...options, headers: { "CF-Ray": ray, ...options.headers } });
}

describe("a connection's end is one line", () => {
  for (const [who, code, close] of [
    ["a client that leaves", 1000, "client"],
    ["a client that is sent away", 4004, "service"],
  ] as const) {
    test(`of ${who}: channel, code and seconds, under the name of the request that opened it`, async () => {
      const id = await registerOrder(USER);
      const ray = `ray-${crypto.randomUUID()}`;
      const socket = await connectAs(ray, `orders/${id}`);
      await socket.frame();
      expect(about(ray)).toEqual([]);
      if (close === "client") socket.close();
      else await serviceRequest("DELETE", `/api/v1/orders/${id}`);
      await socket.closed();
      await eventually(async () => expect(await orderObject(id).connections()).toBe(0));
      // Whatever else it had to say about it, it has said by the end of this.
      await publish(`orders/${id}`, { type: "order_shipped", data: {} });
      expect(about(ray)).toEqual([
        {
          level: "info",
          event: "connection_end",
          request_id: ray,
          channel: `order_${id}`,
          code,
          seconds: expect.any(Number),
        },
      ]);
    });
  }
});

describe("a publish is one line", () => {
  test("of one event: the key's name, the channel, what became of it, and how long it took", async () => {
    const id = await registerOrder(USER);
    const event = { type: "order_cancelled", data: { reason: PAYLOAD } };
    const answer = await serviceRequest("POST", `/api/v1/publish/orders/${id}`, event);
    expect(answer.status).toBe(200);
    const requestId = nameOf(answer);
    expect(about(requestId)).toEqual([
      {
        level: "info",
        event: "publish",
        request_id: requestId,
        via: "http",
        key: "shop",
        channel: `order_${id}`,
        events: 1,
        outcomes: { applied: 1 },
        ms: expect.any(Number),
      },
    ]);
  });

  test("of a batch, however many events it has: what became of how many", async () => {
    const id = await registerOrder(USER);
    const event = { channel: `order_${id}`, type: "order_cancelled", data: { reason: PAYLOAD }, id: "once" };
    const other = { channel: "products", type: "product_updated", data: { product_id: "p", name: PAYLOAD } };
    const bad = { ...other, data: { name: PAYLOAD } };
    const answer = await serviceRequest("POST", "/api/v1/publish/batch", { events: [event, event, other, bad] });
    expect(answer.status).toBe(200);
    const requestId = nameOf(answer);
    expect(about(requestId)).toEqual([
      {
        level: "info",
        event: "publish",
        request_id: requestId,
        via: "http",
        key: "shop",
        channel: null,
        events: 4,
        outcomes: { applied: 2, duplicate: 1, rejected: 1 },
        ms: expect.any(Number),
      },
    ]);
  });
});

describe("a refusal is one line", () => {
  test("of a request: the route without ids, the reason, and nothing of what was sent", async () => {
    const id = await registerOrder(USER);
    const body = { type: "order_cancelled", data: { reason: PAYLOAD }, version: PAYLOAD };
    const answer = await serviceRequest("POST", `/api/v1/publish/orders/${id}`, body);
    expect(answer.status).toBe(422);
    const requestId = nameOf(answer);
    expect(about(requestId)).toEqual([
      {
        level: "warn",
        event: "refusal",
        request_id: requestId,
        method: "POST",
        route: "/api/v1/publish/orders/:order_id",
        reason: "validation_failed",
        code: 422,
        key: "shop",
      },
    ]);
  });

  test("of a key that is none: what exactly was wrong with it, and not the key", async () => {
    const headers = { Authorization: `Bearer ${PUBLISH_KEY}x` };
    const answer = await serviceRequest("POST", "/api/v1/publish/products", {}, headers);
    expect(answer.status).toBe(401);
    const requestId = nameOf(answer);
    expect(about(requestId)).toEqual([
      {
        level: "warn",
        event: "refusal",
        request_id: requestId,
        method: "POST",
        route: "/api/v1/publish/products",
        reason: "key_invalid",
        code: 401,
        fault: expect.any(String),
      },
    ]);
  });

  for (const [what, bad, fault, code, reason] of [
    ["a token that has ended", () => mintToken({ subject: USER, expiresIn: -60 }), true, 4001, "token_expired"],
    ["somebody else's order", async () => token, false, 4003, "access_denied"],
  ] as const) {
    test(`of a socket, for ${what}: the code that it was closed with`, async () => {
      const ray = `ray-${crypto.randomUUID()}`;
      const socket = await connectAs(ray, `orders/${await registerOrder("somebody")}`, { token: await bad() });
      expect((await socket.closed()).code).toBe(code);
      expect(about(ray)).toEqual([
        {
          level: "warn",
          event: "refusal",
          request_id: ray,
          method: "GET",
          route: "/api/v1/ws/orders/:order_id",
          reason,
          code,
          ...(fault && { fault: expect.any(String) }),
        },
      ]);
    });
  }
});

test("a fault is one line: where, and the error; the request that it struck has its own", async () => {
  const broken = {
    ...env.ORDER_CHANNEL,
    getByName: () => {
      throw new TypeError("it fails for the test");
    },
  };
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}` };
  const request = new Request(`${ORIGIN}/api/v1/orders/${crypto.randomUUID()}`, { headers });
  const answer = await app.fetch(request, { ...env, ORDER_CHANNEL: broken });
  expect(answer.status).toBe(500);
  const requestId = nameOf(answer);
  expect(about(requestId)).toEqual([
    {
      level: "error",
      event: "fault",
      where: "request",
      error: "TypeError: it fails for the test",
      request_id: requestId,
    },
    {
      level: "warn",
      event: "refusal",
      request_id: requestId,
      method: "GET",
      route: "/api/v1/orders/:order_id",
      reason: "internal_error",
      code: 500,
      key: "shop",
    },
  ]);
});
