import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATIONS } from "../../../src/edge/documents/operations.ts";
import { EVENTS } from "../../../src/protocol/events.ts";
import { buildSite } from "../../../src/site/build.ts";

/** After gzip; React and the charts take most of it. */
const MAX_SCRIPT_BYTES = 125 * 1024;

const site = mkdtempSync(join(tmpdir(), "tidings-site-"));
const read = (path: string) => readFileSync(join(site, path), "utf8");
beforeAll(() => buildSite(site));
afterAll(() => rmSync(site, { recursive: true, force: true }));

test("the demo page loads only same-origin files and has no inline script or style", () => {
  const page = read("index.html");
  const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => String(address));
  expect(addresses.filter((address) => !address.startsWith("/") && !address.startsWith("data:"))).toEqual([]);
  for (const path of addresses.filter((address) => address.startsWith("/demo/"))) {
    expect(read(path).length, path).toBeGreaterThan(0);
    expect(read(`${path}.map`).length, path).toBeGreaterThan(0);
  }
  expect([...page.matchAll(/<script[^>]*>([^<]*)/g)].map(([, script]) => script)).toEqual([""]);
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/);
});

test("the demo script contains the whole event catalogue, but not its validation library", () => {
  const script = read("demo/main.js");
  for (const type of Object.keys(EVENTS)) expect(script).toContain(type);
  const { sources } = JSON.parse(read("demo/main.js.map"));
  expect(sources.filter((source: string) => /\/zod\/|protocol\/events/.test(source))).toEqual([]);
  expect(sources.some((source: string) => source.endsWith("src/sdk/hooks/react.ts"))).toBe(true);
  expect(gzipSync(script).length).toBeLessThan(MAX_SCRIPT_BYTES);
});

test("a build without the demo keeps everything else", async () => {
  const bare = mkdtempSync(join(tmpdir(), "tidings-site-"));
  try {
    await buildSite(bare, { hasDemo: false });
    const files = (folder: string) => globSync("**/*", { cwd: folder }).sort();
    const isDemo = (path: string) => /^(index\.html|demo)/.test(path);
    expect(files(bare)).toEqual(files(site).filter((path) => !isDemo(path)));
    expect(files(bare).length).toBeGreaterThan(4);
  } finally {
    rmSync(bare, { recursive: true, force: true });
  }
});

test("no file shadows an API route", () => {
  const files = globSync("**/*", { cwd: site }).map((path) => `/${path.replaceAll("\\", "/")}`);
  expect(files).toContain("/docs/api.html");
  const calls = Object.keys(OPERATIONS).map((call) => String(call.split(" ")[1]));
  for (const path of [...calls, "/openapi.json", "/asyncapi.json"]) {
    // Cloudflare would serve `docs.html` and `docs/index.html` for `/docs`, too.
    for (const file of [path, `${path}.html`, `${path}/index.html`]) expect(files).not.toContain(file);
  }
  expect(files.filter((file) => file.startsWith("/api"))).toEqual([]);
});

test("the build contains the security headers of static files", () => {
  expect(read("_headers")).toContain("X-Content-Type-Options: nosniff");
});

test("a build removes the files of the previous build", async () => {
  writeFileSync(join(site, "old.html"), "old");
  await buildSite(site);
  expect(globSync("*", { cwd: site }).sort()).not.toContain("old.html");
});
