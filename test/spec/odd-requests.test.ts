import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import { silence } from "../support/leak-guard/console.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { ORIGIN, request, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

/** Whatever a stranger sends, the answer is a documented one: never a 500, and nothing counts as the service's fault. */

afterEach(() => {
  vi.restoreAllMocks();
});

/** A request as the runtime passes it on, whose URL no client library would build. */
function requestTo(url: string, init: RequestInit = {}): Request {
  return new Proxy(new Request(`${ORIGIN}/`, init), {
    get(target, name) {
      if (name === "url") return url;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Every status that the OpenAPI document may name for a call. */
const DOCUMENTED = new Set([
  ...[101, 200, 201, 202, 204, 304],
  ...[400, 401, 403, 404, 405, 409, 413, 415, 422, 426, 429],
]);

async function expectDocumented(response: Response): Promise<void> {
  expect([...DOCUMENTED]).toContain(response.status);
  if (response.status < 400) {
    response.webSocket?.accept();
    response.webSocket?.close();
    return;
  }
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(await response.json()).toMatchObject({ status: response.status });
}

const HOSTS = ["127.0.0.1:99999", "[", "[::1", "a b", "", ":", "%", "shop.example:port", "\u00e9", "x".repeat(5000)];
const PATHS = ["/api/v1/ws/health", "/api/v1/ws/products", "/api/v1/orders/x", "/openapi.json", "/nowhere"];

describe("Origin with a Host that makes no URL", () => {
  for (const host of HOSTS) {
    test(`${JSON.stringify(host.slice(0, 30))} is served or refused like any other`, async () => {
      const logged = silence();
      for (const path of PATHS) {
        for (const headers of [{ Upgrade: "websocket" }, {}] as Record<string, string>[]) {
          for (const method of ["GET", "OPTIONS", "PUT"]) {
            const init = { method, headers: { Origin: "https://stranger.example", ...headers } };
            await expectDocumented(await app.fetch(requestTo(`http://${host}${path}`, init), env));
          }
        }
      }
      expect(logged).not.toHaveBeenCalled();
    });
  }

  test("is still answered to a listed origin, and to no other", async () => {
    const allowed = async (origin: string) =>
      (await app.fetch(requestTo("http://[/api/v1/ws/health", { headers: { Origin: origin } }), env)).headers.get(
        "Access-Control-Allow-Origin",
      );
    expect(await allowed("https://shop.example")).toBe("https://shop.example");
    expect(await allowed("https://stranger.example")).toBeNull();
  });
});

describe("an odd request line or header", () => {
  const token = mintToken();
  const id = crypto.randomUUID();
  const paths = [
    "/",
    "/api/v1/ws/health",
    "/api/v1/ws/products",
    "/metrics",
    "/openapi.json",
    "/asyncapi.json",
    "/api/v1/publish/products",
    "/api/v1/publish/batch",
    "/api/v1/disconnect",
    ...["", "/tickets"].map((end) => `/api/v1/orders/${id}${end}`),
    `/api/v1/ws/orders/${id}`,
    `/api/v1/publish/orders/${id}`,
  ];
  const oddText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom("%", "%00", "%ZZ", "%E0%A4%A", "%2e%2e%2f", "..;/", "//", "\\", "\u0000", "%C0%80", "%ED%A0%80"),
    fc.constantFrom("x".repeat(9000), "%00".repeat(5000), "a=&".repeat(2000), "__proto__", "constructor", "-1", "1e9"),
  );
  const visible = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  const headerValue = fc.oneof(
    visible,
    fc.constantFrom("websocket", "WebSocket", "websocket, h2c", "h2c", "null", "https://shop.example", "gzip", "*/*"),
    fc.constantFrom("Bearer", "Bearer  ", `Bearer ${PUBLISH_KEY}`, "Bearer a.b.c", "Basic eDp5", "x".repeat(16_000)),
    fc.constantFrom("application/json", "application/json;;;charset", "tidings.v1", "tidings.v1, bearer.", ",,,"),
  );
  const headerName = fc.constantFrom(
    ...["Origin", "Upgrade", "Authorization", "Content-Type", "Content-Encoding", "Content-Length", "Accept-Encoding"],
    ...["Sec-WebSocket-Protocol", "Sec-WebSocket-Key", "Idempotency-Key", "webhook-id", "webhook-timestamp"],
    ...[
      "webhook-signature",
      "If-None-Match",
      "Range",
      "CF-Connecting-IP",
      "CF-Ray",
      "Cookie",
      "Expect",
      "X-HTTP-Method",
    ],
    ...["Access-Control-Request-Method", "Access-Control-Request-Headers", "x-tidings-connect", "x-tidings-refusal"],
  );
  const oddRequest = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"),
    path: fc.constantFrom(...paths),
    inPath: fc.option(oddText),
    query: fc.array(
      fc.tuple(fc.constantFrom("token", "since", "epoch", "product_id", "__proto__", ""), fc.oneof(oddText, visible)),
      { maxLength: 4 },
    ),
    headers: fc.array(fc.tuple(headerName, headerValue), { maxLength: 5 }),
    isListener: fc.boolean(),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    ),
  });

  test("gets a documented answer, and is no fault of the service", async () => {
    const logged = silence();
    const warned = silence("warn");
    const valid = await token;
    await fc.assert(
      fc.asyncProperty(oddRequest, async ({ method, path, inPath, query, headers, isListener, body }) => {
        const odd = inPath === null ? path : `${path.slice(0, -3)}${inPath}`;
        const search = query.map(([name, value]) => `${name}=${value}`).join("&");
        const url = `http://tidings.example${odd}?${search}${isListener ? `&token=${valid}` : ""}`;
        const sent = new Headers(isListener ? { Upgrade: "websocket" } : {});
        for (const [name, value] of headers) sent.set(name, value);
        const hasBody = !["GET", "HEAD"].includes(method);
        const response = await app.fetch(requestTo(url, { method, headers: sent, ...(hasBody && { body }) }), env);
        expect([method, url, [...sent], [...DOCUMENTED].includes(response.status) || response.status]).toEqual([
          method,
          url,
          [...sent],
          true,
        ]);
        response.webSocket?.accept();
        response.webSocket?.close();
        await response.body?.cancel();
      }),
      { numRuns: 1500 },
    );
    expect(logged.mock.calls).toEqual([]);
    warned.mockRestore();
  });

  test("raises no error metric", async () => {
    const errors = async () =>
      metricValue(parseMetrics(await (await serviceRequest("GET", "/metrics")).text()), "tidings_errors_total", {
        where: "request",
      });
    const before = await errors();
    await app.fetch(requestTo("http://[/api/v1/ws/products", { headers: { Origin: "x", Upgrade: "websocket" } }), env);
    await request("/api/v1/ws/health");
    expect(await errors()).toBe(before);
  });
});

describe("a Content-Length that is no length, or lies", () => {
  const body = JSON.stringify({ type: "product_deleted", data: { product_id: "p" } });
  for (const length of ["-1", "1e3", "0x10", "NaN", "Infinity", "", " ", "9".repeat(400), "1, 1", "0", "5"]) {
    test(`${JSON.stringify(length.slice(0, 20))} is a documented answer`, async () => {
      const logged = silence();
      const headers = {
        Authorization: `Bearer ${PUBLISH_KEY}`,
        "Content-Type": "application/json",
        "Content-Length": length,
      };
      const init = { method: "POST", headers, body };
      await expectDocumented(await app.fetch(requestTo(`${ORIGIN}/api/v1/publish/products`, init), env));
      expect(logged).not.toHaveBeenCalled();
    });
  }
});
