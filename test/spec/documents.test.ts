import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import { ORIGIN, request } from "../support/service.ts";

const DOCUMENTS = [
  ["/openapi.json", "application/json"],
  ["/asyncapi.json", "application/json"],
  ["/docs/api", "text/html; charset=UTF-8"],
] as const;

for (const [path, mediaType] of DOCUMENTS) {
  describe(`GET ${path}`, () => {
    test("is open to all callers and origins", async () => {
      const response = await request(path, { headers: { Origin: "https://anything.example" } });
      expect(response.status).toBe(200);
      expect(response.headers.get("Content-Type")).toBe(mediaType);
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect((await response.text()).length).toBeGreaterThan(500);
    });

    test("may be cached, and revalidation returns no body", async () => {
      const first = await request(path);
      expect(first.headers.get("Cache-Control")).toMatch(/^public, max-age=\d+$/);
      const again = await request(path, { headers: { "If-None-Match": String(first.headers.get("ETag")) } });
      expect(again.status).toBe(304);
      expect(await again.text()).toBe("");
      expect(again.headers.get("ETag")).toBe(first.headers.get("ETag"));
      expect(again.headers.get("Cache-Control")).toBe(first.headers.get("Cache-Control"));
      expect((await request(path, { headers: { "If-None-Match": '"another"' } })).status).toBe(200);
    });

    test("works on a misconfigured service", async () => {
      const response = await app.fetch(new Request(`${ORIGIN}${path}`), { ...env, JWT_SECRET: "" });
      expect(response.status).toBe(200);
    });
  });
}

test("openapi.json describes exactly the routes of the service", async () => {
  const { paths } = await (await request("/openapi.json")).json<{ paths: Record<string, Record<string, unknown>> }>();
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  // Middleware is registered for every method and is not a route.
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  expect(described.sort()).toEqual([...new Set(routes)].sort());
});

test("asyncapi.json has a channel for every socket of openapi.json", async () => {
  const { paths } = await (await request("/openapi.json")).json<{ paths: Record<string, Record<string, unknown>> }>();
  const { channels } = await (await request("/asyncapi.json")).json<{
    channels: Record<string, { address: string }>;
  }>();
  const sockets = Object.keys(paths).filter((path) => JSON.stringify(paths[path]).includes('"101"'));
  expect(Object.values(channels).map(({ address }) => address)).toEqual(sockets);
});
