import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { silence } from "../support/leak-guard/console.ts";
import { ORIGIN, orderObject, publish, registerOrder } from "../support/service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { TestSocket } from "../support/test-socket.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** `ORDERS_API_URL`: an existing REST backend knows the owner of an order, and is asked with the caller's own token. */

const BACKEND = "https://backend.example/api/v1/orders";
const ORDER = { id: 1, user_id: "alice", status: "processing", payment_status: "paid", items: [] };
/** The backend's answer, in place of a real host. */
let backend: (request: Request) => Response | Promise<Response>;
let asked: Request[];

beforeEach(() => {
  asked = [];
  backend = () => Response.json(ORDER);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as string, init as RequestInit);
    asked.push(request);
    return backend(request);
  });
});
afterEach(() => vi.restoreAllMocks());

async function connectThere(id: string, token: string): Promise<Response> {
  const request = new Request(`${ORIGIN}/api/v1/ws/orders/${id}?token=${token}`, { headers: { Upgrade: "websocket" } });
  return app.fetch(request, { ...env, ORDERS_API_URL: `${BACKEND}/` });
}
const socketThere = async (id: string, token: string) => new TestSocket(await connectThere(id, token));
const isEmpty = (id: string) =>
  runInDurableObject(
    orderObject(id),
    (_, { storage }) => storage.sql.exec("SELECT name FROM sqlite_master").toArray().length === 0,
  );

describe("an unregistered order", () => {
  test("is stored with its owner when the backend answers 200, and not asked for again", async () => {
    const id = crypto.randomUUID();
    const token = await mintToken();
    const socket = await socketThere(id, token);
    expect((await socket.frame()).data).toMatchObject({ current_status: "processing", payment_status: "paid", seq: 0 });
    expect(asked.map(({ url }) => url)).toEqual([`${BACKEND}/${id}`]);
    expect(asked[0]?.headers.get("Authorization")).toBe(`Bearer ${token}`);
    expect(asked[0]?.redirect).toBe("manual");
    expect((await (await socketThere(id, token)).frame()).type).toBe("connection_established");
    expect(asked).toHaveLength(1);
  });

  test("may have an integer user_id at the backend", async () => {
    backend = () => Response.json({ ...ORDER, user_id: 42 });
    const socket = await socketThere(crypto.randomUUID(), await mintToken({ subject: "42" }));
    expect((await socket.frame()).type).toBe("connection_established");
  });

  test("is asked for even when an event was published to it before", async () => {
    const id = crypto.randomUUID();
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const socket = await socketThere(id, await mintToken());
    expect((await socket.frame()).data).toMatchObject({ current_status: "shipped", payment_status: "paid" });
  });

  const refusals: [string, () => Response, number][] = [
    ["404", () => new Response(null, { status: 404 }), 4004],
    ["401", () => new Response(null, { status: 401 }), 4003],
    ["403", () => new Response(null, { status: 403 }), 4003],
    ["200 with another owner", () => Response.json({ ...ORDER, user_id: "bob" }), 4003],
  ];
  for (const [name, answer, code] of refusals) {
    test(`[promise 7] is refused with ${code} when the backend answers ${name}, and nothing is stored`, async () => {
      backend = answer;
      const id = crypto.randomUUID();
      expect((await (await socketThere(id, await mintToken())).closed()).code).toBe(code);
      expect(await isEmpty(id)).toBe(true);
    });
  }

  test.each([401, 404, 500])("leaves no body of the backend's %i unread", async (status) => {
    let isCancelled = false;
    const body = new ReadableStream({
      cancel() {
        isCancelled = true;
      },
    });
    backend = () => new Response(body, { status });
    silence();
    await connectThere(crypto.randomUUID(), await mintToken());
    expect(isCancelled).toBe(true);
  });

  const failures: [string, () => Response | Promise<Response>][] = [
    ["answers 500", () => new Response("oops", { status: 500 })],
    ["redirects", () => Response.redirect("https://evil.example/", 302)],
    ["answers HTML", () => new Response("<html>")],
    ["answers without an owner", () => Response.json({ status: "pending" })],
    ["does not answer", () => Promise.reject(new Error("connection refused"))],
  ];
  for (const [name, answer] of failures) {
    test(`[promise 7] is refused with 503 and Retry-After when the backend ${name}, and nothing is stored`, async () => {
      backend = answer;
      const id = crypto.randomUUID();
      silence();
      const response = await connectThere(id, await mintToken());
      expect(response.status).toBe(503);
      expect(response.headers.get("Retry-After")).toMatch(/^\d+$/);
      expect(await isEmpty(id)).toBe(true);
      expect(asked).toHaveLength(1);
    });
  }
});

const unending = (text: string) => {
  const chunk = new TextEncoder().encode(text);
  return new ReadableStream({ pull: (stream) => stream.enqueue(chunk) });
};
const failing = () => new ReadableStream({ pull: (stream) => stream.error(new Error("cut off")) });

test.each([
  ["is cut off", failing, "cut off"],
  ["has no end", () => unending(`[${"0,".repeat(1024)}`), "the response is larger than 262144 bytes"],
  [
    "is not JSON",
    () => new Response("<html>").body,
    "the response is not JSON with a valid user_id, status and payment_status",
  ],
])("a backend's answer that %s is refused with 503, and the log says so", async (_, body, reason) => {
  const logged = silence();
  backend = () => new Response(body());
  expect((await connectThere(crypto.randomUUID(), await mintToken())).status).toBe(503);
  const faults = logged.mock.calls.map(([line]) => JSON.parse(String(line))).filter(({ event }) => event === "fault");
  expect(faults).toMatchObject([{ where: "orders_api", error: `Error: ${reason}` }]);
});

describe("the snapshot of an unregistered order", () => {
  const readThere = (id: string, credential: string) =>
    app.fetch(new Request(`${ORIGIN}/api/v1/orders/${id}`, { headers: { Authorization: `Bearer ${credential}` } }), {
      ...env,
      ORDERS_API_URL: BACKEND,
    });

  test("is the backend's, and the owner is remembered", async () => {
    const id = crypto.randomUUID();
    const token = await mintToken();
    expect(await (await readThere(id, token)).json()).toMatchObject({ user_id: "alice", status: "processing", seq: 0 });
    expect(asked.map(({ headers }) => headers.get("Authorization"))).toEqual([`Bearer ${token}`]);
    expect((await readThere(id, token)).status).toBe(200);
    expect(asked).toHaveLength(1);
  });

  test.each([
    [404, 404],
    [401, 403],
    [403, 403],
  ])("[promise 7] is refused when the backend answers %i, with %i, and nothing is stored", async (status, expected) => {
    backend = () => new Response(null, { status });
    const id = crypto.randomUUID();
    expect((await readThere(id, await mintToken())).status).toBe(expected);
    expect(await isEmpty(id)).toBe(true);
  });

  test("is not asked for by a service, whose key the backend does not know", async () => {
    expect((await readThere(crypto.randomUUID(), PUBLISH_KEY)).status).toBe(404);
    expect(asked).toHaveLength(0);
  });
});

test("an order with a known owner is never asked for, not even for a user who is refused", async () => {
  const id = await registerOrder("alice");
  expect((await (await socketThere(id, await adminToken())).frame()).type).toBe("connection_established");
  expect((await (await socketThere(id, await mintToken({ subject: "mallory" }))).closed()).code).toBe(4003);
  expect(asked).toHaveLength(0);
});
