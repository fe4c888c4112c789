import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildSite } from "../../../src/demo/build.ts";
import { OPERATIONS } from "../../../src/edge/documents/operations.ts";
import { DOCS_PAGE } from "../../../src/edge/documents/page.ts";

const site = mkdtempSync(join(tmpdir(), "tidings-site-"));
const read = (path: string) => readFileSync(join(site, path), "utf8");
beforeAll(() => buildSite(site));
afterAll(() => rmSync(site, { recursive: true, force: true }));

test("every file that the page of the documents loads is there", () => {
  const paths = [...DOCS_PAGE.matchAll(/(?:src|href)="(\/docs-ui\/[^"]+)"/g)].map(([, path]) => String(path));
  expect(paths.length).toBeGreaterThan(2);
  for (const path of paths) expect(read(path).length, path).toBeGreaterThan(0);
});

test("the page loads nothing from elsewhere and has no script in itself", () => {
  const addresses = [...DOCS_PAGE.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => String(address));
  expect(addresses.filter((address) => !address.startsWith("/") && address !== "data:,")).toEqual([]);
  expect([...DOCS_PAGE.matchAll(/<script[^>]*>([^<]*)/g)].map(([, script]) => script)).toEqual(["", ""]);
});

test("no file stands in the way of a call", () => {
  const files = globSync("**/*", { cwd: site }).map((path) => `/${path.replaceAll("\\", "/")}`);
  expect(files).toContain("/docs-ui/docs.js");
  for (const call of Object.keys(OPERATIONS)) {
    const path = String(call.split(" ")[1]);
    // `/docs` would be taken by `docs.html` and `docs/index.html`, too.
    for (const file of [path, `${path}.html`, `${path}/index.html`]) expect(files).not.toContain(file);
  }
  expect(files.filter((file) => file.startsWith("/api"))).toEqual([]);
});

test("a library comes with its licences, and files carry the headers that the Worker cannot set on them", () => {
  expect(read("docs-ui/swagger-ui-bundle.js.LICENSE.txt")).toContain("licen");
  expect(read("_headers")).toContain("X-Content-Type-Options: nosniff");
});

test("what an earlier build left is gone", async () => {
  writeFileSync(join(site, "old.html"), "old");
  await buildSite(site);
  expect(globSync("*", { cwd: site }).sort()).not.toContain("old.html");
});
