import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import { connect, ORIGIN, registerOrder, request } from "../support/service.ts";
import { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `BACKEND_CORS_ORIGINS`: the origins whose pages may use the service. */

describe("a socket", () => {
  const cases: [string, Record<string, string>, number | null][] = [
    ["from a listed origin", { Origin: "https://shop.example" }, null],
    ["from another listed origin", { Origin: "http://localhost:3000" }, null],
    ["from the service's own origin", { Origin: ORIGIN }, null],
    ["without an origin, as non-browser clients connect", {}, null],
    ["from a foreign origin", { Origin: "https://evil.example" }, 4003],
    ["from an origin that begins like a listed one", { Origin: "https://shop.example.evil.example" }, 4003],
    ["from a listed host with another scheme", { Origin: "http://shop.example" }, 4003],
    ["from a listed host on another port", { Origin: "https://shop.example:8443" }, 4003],
    ["from an opaque origin", { Origin: "null" }, 4003],
  ];
  for (const [name, headers, code] of cases) {
    test(`${name}: ${code ?? "open"}`, async () => {
      const id = await registerOrder();
      for (const path of ["products", `orders/${id}`]) {
        const socket = await connect(path, { token: await mintToken(), headers });
        if (code === null) expect((await socket.frame()).type).toBe("connection_established");
        else expect(await socket.closed()).toEqual({ code, reason: "Origin not allowed" });
      }
    });
  }

  test("* allows every origin", async () => {
    const socket = new TestSocket(
      await app.fetch(
        new Request(`${ORIGIN}/api/v1/ws/products?token=${await mintToken()}`, {
          headers: { Upgrade: "websocket", Origin: "https://anything.example" },
        }),
        { ...env, BACKEND_CORS_ORIGINS: "*" },
      ),
    );
    expect((await socket.frame()).type).toBe("connection_established");
  });
});

describe("apps and preview deployments", () => {
  const BACKEND_CORS_ORIGINS =
    "capacitor://localhost,chrome-extension://abcdefghijklmnopabcdefghijklmnop,https://*.shop.example,https://*.shop.pages.dev:8443";
  const allowed = [
    ...["capacitor://localhost", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"],
    ...["https://preview-1.shop.example", "https://WWW.shop.example", "https://abc123.shop.pages.dev:8443"],
  ];
  const foreign = [
    ...["null", "capacitor://evil", "ionic://localhost", "capacitor://localhost:80", "capacitor://localhost/"],
    ...["chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", "https://localhost"],
    ...["https://shop.example", "https://.shop.example", "https://a.b.shop.example", "http://preview.shop.example"],
    ...["https://preview.shop.example:8443", "https://evilshop.example", "https://preview.shop.example.evil.example"],
    ...["https://evil.example/.shop.example", "https://evil.example#.shop.example", "https://a@b.shop.example"],
    ...["https://*.shop.example", "https://abc123.shop.pages.dev", "https://evil.pages.dev:8443"],
  ];
  for (const [origins, isAllowed] of [[allowed, true] as const, [foreign, false] as const]) {
    for (const Origin of origins) {
      test(`${isAllowed ? "may" : "may not"} connect and read answers from ${Origin}`, async () => {
        const settings = { ...env, BACKEND_CORS_ORIGINS };
        const headers = { Origin };
        const url = `${ORIGIN}/api/v1/ws/products?token=${await mintToken()}`;
        const init = { headers: { ...headers, Upgrade: "websocket" } };
        const socket = new TestSocket(await app.fetch(new Request(url, init), settings));
        if (isAllowed) expect((await socket.frame()).type).toBe("connection_established");
        else expect(await socket.closed()).toEqual({ code: 4003, reason: "Origin not allowed" });
        const answer = await app.fetch(new Request(`${ORIGIN}/api/v1/ws/health`, { headers }), settings);
        expect(answer.headers.get("Access-Control-Allow-Origin")).toBe(isAllowed ? Origin : null);
      });
    }
  }
});

describe("CORS on the HTTP routes", () => {
  test("a page of a listed origin may read answers, including refusals", async () => {
    const headers = { Origin: "https://shop.example" };
    for (const path of ["/api/v1/ws/health", `/api/v1/orders/${crypto.randomUUID()}`, "/nowhere"]) {
      const response = await request(path, { headers });
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe("https://shop.example");
      expect(response.headers.get("Vary")).toContain("Origin");
    }
  });

  test("a preflight lists the methods and headers", async () => {
    const response = await request("/api/v1/publish/products", {
      method: "OPTIONS",
      headers: { Origin: "https://shop.example", "Access-Control-Request-Method": "POST" },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("Access-Control-Allow-Methods")).toContain("POST");
    const allowed = response.headers.get("Access-Control-Allow-Headers");
    for (const name of ["Idempotency-Key", "traceparent", "sentry-trace", "x-request-id"])
      expect(allowed).toContain(name);
    expect(response.headers.get("Access-Control-Allow-Credentials")).toBeNull();
  });

  test("CORS_ALLOW_HEADERS replaces the headers of tracing tools, but not those that the service reads", async () => {
    const headers = { Origin: "https://shop.example", "Access-Control-Request-Method": "GET" };
    const preflight = new Request(`${ORIGIN}/api/v1/ws/health`, { method: "OPTIONS", headers });
    const response = await app.fetch(preflight, { ...env, CORS_ALLOW_HEADERS: "x-shop" });
    expect(response.headers.get("Access-Control-Allow-Headers")).toBe(
      "Authorization,Content-Type,Idempotency-Key,x-shop",
    );
  });

  test("a page of another origin may not read answers", async () => {
    const response = await request("/api/v1/ws/health", { headers: { Origin: "https://evil.example" } });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });
});
