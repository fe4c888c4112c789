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

/** One log line per connection, publish, refusal and fault, with the request id of the answer. */

/** Personal data and a payload, recognizable if they are ever logged. */
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

/** The log lines of one request. */
const linesOf = (requestId: string | null) =>
  printed.map(({ text }) => JSON.parse(text)).filter(({ request_id }) => request_id === requestId);
const publishLine = (request_id: string | null, fields: object) => ({
  level: "info",
  event: "publish",
  request_id,
  via: "http",
  key: "shop",
  ms: expect.any(Number),
  ...fields,
});
const refusalLine = (request_id: string | null, fields: object) => ({
  level: "warn",
  event: "refusal",
  request_id,
  ...fields,
});
const requestIdOf = (answer: Response) => {
  const requestId = answer.headers.get("X-Request-Id");
  expect(requestId).toMatch(/^[\w-]{8,64}$/);
  return requestId;
};
/** A handshake's answer has no request id, so the connection uses the one that Cloudflare sets. */
function connectAs(ray: string, path: string, options: ConnectOptions = {}) {
  return connect(path, { token, ...options, headers: { "CF-Ray": ray, ...options.headers } });
}

describe("the end of a connection is one line", () => {
  for (const [who, code, close] of [
    ["closed by the client", 1000, "client"],
    ["closed by the service", 4004, "service"],
  ] as const) {
    test(`with channel, code, seconds and the id of the request that opened it: ${who}`, async () => {
      const id = await registerOrder(USER);
      const ray = `ray-${crypto.randomUUID()}`;
      const socket = await connectAs(ray, `orders/${id}`);
      await socket.frame();
      expect(linesOf(ray)).toEqual([]);
      if (close === "client") socket.close();
      else await serviceRequest("DELETE", `/api/v1/orders/${id}`);
      await socket.closed();
      await eventually(async () => expect(await orderObject(id).countListeners()).toBe(0));
      // Any further line about it would have been logged by the end of this publish.
      await publish(`orders/${id}`, { type: "order_shipped", data: {} });
      expect(linesOf(ray)).toEqual([
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
  test("with the key's name, the channel, the outcome and the duration", async () => {
    const id = await registerOrder(USER);
    const event = { type: "order_cancelled", data: { reason: PAYLOAD } };
    const answer = await serviceRequest("POST", `/api/v1/publish/orders/${id}`, event);
    expect(answer.status).toBe(200);
    const requestId = requestIdOf(answer);
    expect(linesOf(requestId)).toEqual([
      publishLine(requestId, { channel: `order_${id}`, events: 1, outcomes: { applied: 1 } }),
    ]);
  });

  test("for a whole batch, with the number of events per outcome", async () => {
    const id = await registerOrder(USER);
    const event = { channel: `order_${id}`, type: "order_cancelled", data: { reason: PAYLOAD }, id: "once" };
    const other = { channel: "products", type: "product_updated", data: { product_id: "p", name: PAYLOAD } };
    const bad = { ...other, data: { name: PAYLOAD } };
    const answer = await serviceRequest("POST", "/api/v1/publish/batch", { events: [event, event, other, bad] });
    expect(answer.status).toBe(200);
    const requestId = requestIdOf(answer);
    expect(linesOf(requestId)).toEqual([
      publishLine(requestId, { channel: null, events: 4, outcomes: { applied: 2, duplicate: 1, rejected: 1 } }),
    ]);
  });
});

describe("a refusal is one line", () => {
  test("with the route without ids and the reason, and nothing that was sent", async () => {
    const id = await registerOrder(USER);
    const body = { type: "order_cancelled", data: { reason: PAYLOAD }, version: PAYLOAD };
    const answer = await serviceRequest("POST", `/api/v1/publish/orders/${id}`, body);
    expect(answer.status).toBe(422);
    const requestId = requestIdOf(answer);
    expect(linesOf(requestId)).toEqual([
      refusalLine(requestId, {
        method: "POST",
        route: "/api/v1/publish/orders/:order_id",
        reason: "validation_failed",
        code: 422,
        key: "shop",
      }),
    ]);
  });

  test("that says what is wrong with a key, without the key", async () => {
    const headers = { Authorization: `Bearer ${PUBLISH_KEY}x` };
    const answer = await serviceRequest("POST", "/api/v1/publish/products", {}, headers);
    expect(answer.status).toBe(401);
    const requestId = requestIdOf(answer);
    expect(linesOf(requestId)).toEqual([
      refusalLine(requestId, {
        method: "POST",
        route: "/api/v1/publish/products",
        reason: "key_invalid",
        code: 401,
        reason_detail: expect.any(String),
      }),
    ]);
  });

  for (const [what, bad, hasDetail, code, reason] of [
    ["an expired token", () => mintToken({ subject: USER, expiresIn: -60 }), true, 4001, "token_expired"],
    ["another user's order", async () => token, false, 4003, "access_denied"],
  ] as const) {
    test(`with the close code of a socket: ${what}`, async () => {
      const ray = `ray-${crypto.randomUUID()}`;
      const socket = await connectAs(ray, `orders/${await registerOrder("someone")}`, { token: await bad() });
      expect((await socket.closed()).code).toBe(code);
      expect(linesOf(ray)).toEqual([
        refusalLine(ray, {
          method: "GET",
          route: "/api/v1/ws/orders/:order_id",
          reason,
          code,
          ...(hasDetail && { reason_detail: expect.any(String) }),
        }),
      ]);
    });
  }

  test("with the claim that a token in an open socket lacks", async () => {
    const ray = `ray-${crypto.randomUUID()}`;
    const socket = await connectAs(ray, "products");
    await socket.frame();
    socket.send(JSON.stringify({ type: "authenticate", token: await mintToken({ claims: { sub: "" } }) }));
    expect((await socket.closed()).code).toBe(4001);
    const fields = { method: "message", route: "authenticate", reason: "token_invalid", code: 4001 };
    expect(linesOf(ray)).toContainEqual(refusalLine(ray, { ...fields, reason_detail: "claim", claim: "sub" }));
  });
});

test("a fault is one line with its place and error, besides the line of the refused request", async () => {
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
  const requestId = requestIdOf(answer);
  expect(linesOf(requestId)).toEqual([
    {
      level: "error",
      event: "fault",
      where: "request",
      error: "TypeError: it fails for the test",
      request_id: requestId,
    },
    refusalLine(requestId, {
      method: "GET",
      route: "/api/v1/orders/:order_id",
      reason: "internal_error",
      code: 500,
      key: "shop",
    }),
  ]);
});
