import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import { silence } from "../support/leak-guard/console.ts";
import { ORIGIN, registerOrder, request, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Security headers of every HTTP answer. */
const HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Strict-Transport-Security": "max-age=31536000",
};
const JSON_POLICY = "default-src 'none'; frame-ancestors 'none'";

const page = { headers: { Origin: "https://shop.example" } };
const preflight = { method: "OPTIONS", headers: { ...page.headers, "Access-Control-Request-Method": "POST" } };
const registration = { user_id: "alice", status: "pending", payment_status: "pending" };
const orderPath = () => `/api/v1/orders/${crypto.randomUUID()}`;

const answers: [name: string, status: number, answer: () => Promise<Response>][] = [
  ["a read", 200, () => request("/api/v1/ws/health")],
  ["a read by a page", 200, () => request("/api/v1/ws/health", page)],
  ["a creation", 201, () => serviceRequest("PUT", orderPath(), registration)],
  ["a deletion", 204, async () => serviceRequest("DELETE", `/api/v1/orders/${await registerOrder()}`)],
  ["a preflight", 204, () => request("/api/v1/publish/products", preflight)],
  ["a bad body", 422, () => serviceRequest("POST", "/api/v1/publish/products", {})],
  ["missing credentials", 401, () => request(orderPath())],
  ["an unknown order", 404, () => serviceRequest("GET", orderPath())],
  ["an unknown path", 404, () => request("/none")],
  ["a wrong method", 405, () => request("/api/v1/publish/products")],
  ["a socket's path without a handshake", 426, () => request("/api/v1/ws/products")],
];

describe("browsers may not execute, frame, sniff or store the answer to", () => {
  for (const [name, status, answer] of answers) {
    test(`${name} (${status})`, async () => {
      const response = await answer();
      expect(response.status).toBe(status);
      expect(Object.fromEntries(response.headers)).toMatchObject(lowerCased(HEADERS));
      expect(response.headers.get("Content-Security-Policy")).toBe(JSON_POLICY);
      expect(response.headers.get("Cache-Control")).toBe("no-store");
    });
  }

  test("a request to a misconfigured service (503)", async () => {
    silence();
    for (const path of ["/api/v1/ws/health", "/api/v1/ws/products"]) {
      const headers = { Upgrade: "websocket" };
      const response = await app.fetch(new Request(`${ORIGIN}${path}`, { headers }), { ...env, JWT_SECRET: "" });
      expect(response.status).toBe(503);
      expect(Object.fromEntries(response.headers)).toMatchObject(lowerCased(HEADERS));
    }
  });
});

test("answers over plain http have no Strict-Transport-Security", async () => {
  const response = await app.fetch(new Request("http://localhost:8000/openapi.json"), env);
  expect(response.headers.get("Strict-Transport-Security")).toBeNull();
  expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
});

test("a WebSocket handshake has no security headers", async () => {
  for (const token of [await mintToken(), "bad"]) {
    const response = await request(`/api/v1/ws/products?token=${token}`, { headers: { Upgrade: "websocket" } });
    expect(response.status).toBe(101);
    expect(response.headers.get("Content-Security-Policy")).toBeNull();
    response.webSocket?.accept();
    response.webSocket?.close();
  }
});

const lowerCased = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
