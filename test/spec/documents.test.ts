import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../src/edge/app.ts";
import { ORIGIN, request } from "../support/service.ts";

const DOCUMENTS = ["/openapi.json", "/asyncapi.json"];

for (const path of DOCUMENTS) {
  describe(`GET ${path}`, () => {
    test("is open to all callers and origins", async () => {
      const response = await request(path, { headers: { Origin: "https://anything.example" } });
      expect(response.status).toBe(200);
      expect(response.headers.get("Content-Type")).toBe("application/json");
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

    test("names the contact of CONTACT_URL, or none", async () => {
      for (const CONTACT_URL of ["", "https://shop.example/support", "mailto:api@shop.example"]) {
        const response = await app.fetch(new Request(`${ORIGIN}${path}`), { ...env, CONTACT_URL });
        const { info } = await response.json<{ info: { contact?: unknown } }>();
        expect(info.contact).toEqual(CONTACT_URL === "" ? undefined : { url: CONTACT_URL });
      }
    });

    test("works on a misconfigured service", async () => {
      const response = await app.fetch(new Request(`${ORIGIN}${path}`), { ...env, JWT_SECRET: "" });
      expect(response.status).toBe(200);
    });
  });
}

test("together, the documents describe exactly the other routes of the service", async () => {
  const { paths } = await (await request("/openapi.json")).json<{ paths: Record<string, Record<string, unknown>> }>();
  const { channels } = await (await request("/asyncapi.json")).json<{
    channels: Record<string, { address: string }>;
  }>();
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const reads = [...DOCUMENTS, ...Object.values(channels).map(({ address }) => address)].map((path) => `GET ${path}`);
  // Middleware is registered for every method and is not a route.
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  expect([...calls, ...reads].sort()).toEqual([...new Set(routes)].sort());
});
