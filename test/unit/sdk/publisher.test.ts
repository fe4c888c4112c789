import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PublisherOptions } from "../../../src/sdk/publisher/publisher.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { failureOf, withFaultyService } from "../../support/faulty-service.ts";
import { listenAt, registerOrderAt } from "../../support/node-client.ts";
import { PUBLISH_KEY } from "../../support/test-env.ts";

/** The publisher over HTTP, against the service, with faults in between. */

const service = withFaultyService();
const idsSent = () => service.requests.map(({ body }) => JSON.parse(body).id);

describe("an event", () => {
  test("reaches its order's listeners as it was published", async () => {
    const orderId = await registerOrderAt(service.url);
    const listener = await listenAt(service.url, `orders/${orderId}`);
    const answer = await service.publisher().publishOrderUpdate(orderId.toUpperCase(), "order_shipped", {
      carrier: "UPS",
      note: "grün, 緑",
    });
    expect(answer).toMatchObject({ channel: `order_${orderId}`, seq: 1, status: "applied", receivers: 1 });
    const [frame] = await listener.receive(1);
    expect(frame).toMatchObject({ type: "order_shipped", id: answer.id, data: { carrier: "UPS", note: "grün, 緑" } });
    listener.close();
  });

  test("may have an id and a version", async () => {
    const publish = (id: string, version: number) =>
      service
        .publisher()
        .publishProductUpdate("price_updated", { product_id: "versions", new_price: 1 }, { id, version });
    expect(await publish("first", 2)).toMatchObject({ id: "first", status: "applied" });
    expect(await publish("first", 2)).toMatchObject({ id: "first", status: "duplicate" });
    expect(await publish("second", 1)).toMatchObject({ id: "second", status: "stale", seq: null });
  });

  test("may register its order", async () => {
    const orderId = crypto.randomUUID();
    const order = { user_id: "carol", status: "paid", payment_status: "paid" };
    await service.publisher().publishOrderUpdate(orderId, "order_status_changed", { new_status: "paid" }, { order });
    const listener = await listenAt(service.url, `orders/${orderId}`, { subject: "carol" });
    expect((await listener.established).current_status).toBe("paid");
    listener.close();
  });
});

describe("a transient failure is retried with the same id", () => {
  test("after a lost answer: the event is applied once", async () => {
    const listener = await listenAt(service.url, "products");
    service.proxy.fault = "lose reply";
    service.failOnly((number) => number <= 1);
    const { id, status } = await service.publisher().publishProductUpdate("product_deleted", { product_id: "lost" });
    expect(status).toBe("duplicate");
    expect(idsSent()).toEqual([id, id]);
    await service.publisher().publishProductUpdate("product_deleted", { product_id: "last" });
    const frames = await listener.receive(2);
    expect(frames.map(({ data }) => data.product_id)).toEqual(["lost", "last"]);
    listener.close();
  });

  test("after a 5xx", async () => {
    service.proxy.fault = "500";
    service.failOnly((number) => number <= 2);
    const { id, status } = await service.publisher().publishProductUpdate("product_deleted", { product_id: "a" });
    expect(status).toBe("applied");
    expect(idsSent()).toEqual([id, id, id]);
  });

  test("after a timeout", async () => {
    service.proxy.fault = "hang";
    service.failOnly((number) => number <= 1);
    const publisher = service.publisher({ timeoutMs: 1000 });
    expect(await publisher.publishProductUpdate("product_deleted", { product_id: "a" })).toHaveProperty("seq");
    expect(service.requests).toHaveLength(2);
  });

  test("until the tries run out: the error has the id and is retryable", async () => {
    service.proxy.fault = "500";
    const options = { id: "mine" };
    const error = await failureOf(
      service.publisher({ maxTries: 3 }).publishProductUpdate("product_deleted", { product_id: "a" }, options),
    );
    expect(error).toMatchObject({ name: "PublishError", status: 500, isRetryable: true, ids: ["mine"] });
    expect(service.requests).toHaveLength(3);
  });

  test("until the deadline", async () => {
    service.proxy.fault = "hang";
    const publisher = service.publisher({ deadlineMs: 300, maxTries: 1000 });
    const error = await failureOf(publisher.publishProductUpdate("product_deleted", { product_id: "a" }));
    expect(error).toMatchObject({ status: null, isRetryable: true });
  });

  test("when the host does not answer", async () => {
    const gone = new FaultProxy(service.url);
    const url = await gone.listen();
    await gone.close();
    const publisher = service.publisher({ url, maxTries: 2 });
    const error = await failureOf(publisher.publishProductUpdate("product_deleted", { product_id: "a" }));
    expect(error).toMatchObject({ status: null, isRetryable: true });
    expect(error.message).toContain("ECONNREFUSED");
  });
});

describe("a server", () => {
  let server: Server;
  let url: string;
  let arrivals: number[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  beforeAll(async () => {
    server = createServer((request, response) => {
      arrivals.push(Date.now());
      answer(request, response);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    // A TCP server's address is never a string.
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    arrivals = [];
  });
  afterAll(() => server.close());

  test("that answers 429 with Retry-After is not asked again before then", async () => {
    answer = (_, response) => {
      if (arrivals.length === 1) return response.writeHead(429, { "Retry-After": "1" }).end();
      response.end(JSON.stringify({ id: "x", channel: "products", seq: 1, status: "applied", receivers: 0 }));
    };
    await service.publisher({ url }).publishProductUpdate("product_deleted", { product_id: "a" });
    const [first = 0, second = 0] = arrivals;
    expect(arrivals).toHaveLength(2);
    // A timer may fire a millisecond early.
    expect(second - first).toBeGreaterThanOrEqual(999);
  });

  test("that asks for a longer wait than the deadline allows is an error immediately", async () => {
    answer = (_, response) => response.writeHead(503, { "Retry-After": "3600" }).end();
    const error = await failureOf(
      service.publisher({ url }).publishProductUpdate("product_deleted", { product_id: "a" }),
    );
    expect(error).toMatchObject({ status: 503, isRetryable: true, retryAfterMs: 3_600_000 });
    expect(arrivals).toHaveLength(1);
  });

  test.each<[how: string, then: (response: ServerResponse) => void]>([
    ["breaks off", (response) => response.destroy()],
    ["stalls", () => {}],
  ])("that %s in its refusal is believed: the status and Retry-After have arrived", async (_, then) => {
    answer = (_, response) => {
      response.writeHead(429, { "Retry-After": "3600", "Content-Length": 100 });
      response.write("{", () => then(response));
    };
    const publisher = service.publisher({ url, timeoutMs: 300 });
    const error = await failureOf(publisher.publishProductUpdate("product_deleted", { product_id: "a" }));
    expect(error).toMatchObject({ status: 429, isRetryable: true, retryAfterMs: 3_600_000 });
    expect(arrivals).toHaveLength(1);
  });

  test("that redirects is not followed, so the key stays with its service", async () => {
    answer = (_, response) => response.writeHead(307, { Location: service.proxyUrl }).end();
    const error = await failureOf(
      service.publisher({ url }).publishProductUpdate("product_deleted", { product_id: "a" }),
    );
    expect(error).toMatchObject({ status: 307, isRetryable: false });
    expect(service.requests).toEqual([]);
  });

  test("that echoes the request in its refusal does not get the key into an error", async () => {
    answer = (request, response) => {
      const problem = { type: "about:blank", title: "No", status: 400, detail: request.headers.authorization };
      response.writeHead(400).end(JSON.stringify(problem));
    };
    const error = await failureOf(
      service.publisher({ url }).publishProductUpdate("product_deleted", { product_id: "a" }),
    );
    expect(error.message).toBe("Refused (400): No. Bearer [key]");
  });

  test("that is not Tidings is recognised", async () => {
    answer = (_, response) => response.end("<html>");
    const error = await failureOf(
      service.publisher({ url }).publishProductUpdate("product_deleted", { product_id: "a" }),
    );
    expect(error.message).toContain("is it the service's address?");
  });

  test("that is not Tidings is recognised, even if its errors look like Tidings' own", async () => {
    const problem = { type: "about:blank", title: "No", status: 400, errors: [null] };
    answer = (_, response) => response.writeHead(400).end(JSON.stringify(problem));
    const error = await failureOf(
      service.publisher({ url }).publishProductUpdate("product_deleted", { product_id: "a" }),
    );
    expect(error).toMatchObject({ status: 400, message: expect.stringContaining("is it the service's address?") });
  });
});

describe("a refusal is thrown immediately, with the service's explanation", () => {
  test("for bad fields, with each by name", async () => {
    const error = await failureOf(
      service.publisher().publishProductUpdate("inventory_updated", { product_id: "", new_quantity: -1 }),
    );
    expect(service.requests).toHaveLength(1);
    expect(error).toMatchObject({ status: 422, type: "urn:tidings:problem:validation_failed", isRetryable: false });
    expect(error.errors.map(({ field }) => field)).toEqual(["data.product_id", "data.new_quantity"]);
    expect(error.message).toMatch(/^Refused \(422\): Some fields are not valid\. data\.product_id: /);
  });

  test("for an id that belongs to another event", async () => {
    const publish = (productId: string) =>
      service.publisher().publishProductUpdate("product_deleted", { product_id: productId }, { id: "twice" });
    await publish("a");
    expect(await failureOf(publish("b"))).toMatchObject({ status: 409, type: "urn:tidings:problem:id_conflict" });
  });

  test("for an order id that is not a UUID, without a request", async () => {
    const error = await failureOf(service.publisher().publishOrderUpdate("17", "order_delivered", {}));
    expect(error).toMatchObject({ type: "urn:tidings:problem:invalid_order_id", isRetryable: false });
    expect(service.requests).toEqual([]);
  });

  test("for a wrong key, which the error does not contain", async () => {
    const key = "wrong-publish-key-0123456789abcdef-wrong";
    const error = await failureOf(
      service.publisher({ key }).publishProductUpdate("product_deleted", { product_id: "a" }),
    );
    expect(error).toMatchObject({ status: 401, type: "urn:tidings:problem:key_invalid" });
    expect(service.requests).toHaveLength(1);
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(key);
  });

  test("for an invalid key or URL, when the publisher is created", () => {
    const key = `${PUBLISH_KEY}\n`;
    expect(() => service.publisher({ key })).toThrow(/^key must be a publish key/);
    expect(() => service.publisher({ key })).not.toThrow(PUBLISH_KEY);
    expect(() => service.publisher({ key: undefined })).toThrow(/^key must be/);
    const urls = [
      "",
      "tidings.example",
      "ftp://tidings.example",
      "https://u:p@tidings.example",
      "https://:p@tidings.example",
      "https://tidings.example?",
    ];
    for (const url of [undefined, ...urls, "https://tidings.example#"]) {
      expect(() => service.publisher({ url })).toThrow(/^url must be/);
    }
  });
});

test("headers can be added; the function is called for each try", async () => {
  service.proxy.fault = "500";
  service.failOnly((number) => number <= 1);
  const seen: string[] = [];
  const publisher = service.publisher({
    headers: ({ method, url, body }) => {
      seen.push(`${method} ${new URL(url).pathname} ${JSON.parse(body).type}`);
      return { "X-Try": String(seen.length) };
    },
  });
  await publisher.publishProductUpdate("product_deleted", { product_id: "a" });
  expect(seen).toEqual(new Array(2).fill("POST /api/v1/publish/products product_deleted"));
});

test("an added header replaces the publisher's own, whatever the case of its name", async () => {
  let sent = new Headers();
  const publisher = service.publisher({
    headers: () => ({ authorization: "Gateway token", "X-More": "more" }),
    fetch: (url, init) => {
      sent = new Headers(init.headers);
      return fetch(url, {
        ...init,
        headers: { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" },
      });
    },
  });
  await publisher.publishProductUpdate("product_deleted", { product_id: "a" });
  expect(Object.fromEntries(sent)).toEqual({
    authorization: "Gateway token",
    "content-type": "application/json",
    "x-more": "more",
  });
});

describe("a `headers` or `fetch` function that never settles fails its try", () => {
  const never = new Promise<never>(() => {});
  const ways: [string, Partial<PublisherOptions>][] = [
    ["alone", {}],
    ["in a batch", { batch: {} }],
  ];

  test.each(ways)("headers, once: the next try calls it again (%s)", async (_, way) => {
    let asked = 0;
    const headers = () => (++asked === 1 ? never : { "X-Try": String(asked) });
    const publisher = service.publisher({ ...way, headers, timeoutMs: 1000 });
    expect(await publisher.publishProductUpdate("product_deleted", { product_id: "a" })).toHaveProperty("seq");
    expect([asked, service.requests.length]).toEqual([2, 1]);
  });

  test.each(ways)("headers, always: the publish ends at the deadline, and so does `close` (%s)", async (_, way) => {
    const publisher = service.publisher({ ...way, headers: () => never, deadlineMs: 300 });
    const failing = failureOf(publisher.publishProductUpdate("product_deleted", { product_id: "a" }, { id: "mine" }));
    await publisher.close();
    const error = await failing;
    expect(error).toMatchObject({ status: null, isRetryable: true, ids: ["mine"], cause: { name: "TimeoutError" } });
    expect(error.message).toMatch(/headers/);
    expect(service.requests).toEqual([]);
  });

  test.each(ways)(
    "headers that throw: the next try calls it again, and the error is the cause (%s)",
    async (_, way) => {
      const cause = new Error("no signature");
      let asked = 0;
      const failing = (times: number) => async () => {
        if (++asked <= times) throw cause;
        return {};
      };
      const publish = (times: number) =>
        service.publisher({ ...way, headers: failing(times), maxTries: 2 }).publishProductUpdate("product_deleted", {
          product_id: "a",
        });
      expect(await publish(1)).toHaveProperty("seq");
      asked = 0;
      expect(await failureOf(publish(Number.POSITIVE_INFINITY))).toMatchObject({
        status: null,
        isRetryable: true,
        cause,
      });
      expect([asked, service.requests.length]).toEqual([2, 1]);
    },
  );

  test("headers that were forgotten: a function that returns nothing fails, and nothing is sent without them", async () => {
    // @ts-expect-error What TypeScript refuses, JavaScript may do.
    const publisher = service.publisher({ headers: () => {}, maxTries: 1 });
    const error = await failureOf(publisher.publishProductUpdate("product_deleted", { product_id: "a" }));
    expect(error.message).toMatch(/headers/);
    expect(service.requests).toEqual([]);
  });

  test.each(ways)("a `fetch` that ignores its signal (%s)", async (_, way) => {
    const publisher = service.publisher({ ...way, fetch: () => never, deadlineMs: 300 });
    const error = await failureOf(publisher.publishProductUpdate("product_deleted", { product_id: "a" }));
    expect(error).toMatchObject({ status: null, isRetryable: true });
    expect(error.message).toMatch(/no answer within \d+ ms$/);
  });
});
