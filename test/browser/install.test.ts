import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test as inNode } from "vitest";
import { eventually } from "../support/eventually.ts";
import { listenOnLoopback } from "../support/loopback.ts";
import { areInstalled } from "../support/optional-programs.ts";
import { hasChromium, startChromium } from "./support/chromium.ts";
import { type DevService, startDevService } from "./support/dev-service.ts";

/** The SDK as users install it: from a running service, into new projects, which are then built and run. */

const run = promisify(execFile);

/** Whether npm's registry answers, which has Vite, React and Vue. */
function hasRegistry(): boolean {
  try {
    execFileSync("npm", ["view", "vite", "version"], { stdio: "ignore", timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}
const missing = hasRegistry() ? [] : ["npm's registry"];
const canRun =
  areInstalled(missing, "the SDK in new projects", "npm config get registry") && hasChromium("the SDK in new projects");
const test = inNode.skipIf(!canRun);

let service: DevService;
let browser: Browser;
let folder: string;
const sites: Server[] = [];

beforeAll(async () => {
  if (!canRun) return;
  service = await startDevService({ BACKEND_CORS_ORIGINS: "*" });
  browser = await startChromium();
  folder = await mkdtemp(join(tmpdir(), "tidings-install-"));
});
afterAll(async () => {
  for (const site of sites) site.close();
  await browser?.close();
  await service?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Makes a project with some files, and installs packages and the service's SDK. Returns its folder. */
async function project(name: string, packages: string[], files: Record<string, string>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
  for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
  const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages];
  await run("npm", [...install, `${service.url}/sdk/tidings.tgz`], { cwd: path });
  return path;
}

/** Serves a folder on a free port. Returns its URL. */
async function serve(root: string): Promise<string> {
  const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };
  const site = createServer((request, response) => {
    const path = new URL(String(request.url), "http://shop").pathname;
    readFile(join(root, path === "/" ? "index.html" : path)).then(
      (file) => response.writeHead(200, { "content-type": types[extname(path)] ?? "text/html" }).end(file),
      () => response.writeHead(404).end(),
    );
  });
  sites.push(site);
  return listenOnLoopback(site);
}

/** Opens a page that shows the demo order, ships the order, and expects the page to show that. */
async function expectLiveOrder(url: string): Promise<void> {
  const page = await browser.newPage();
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  await page.goto(url);
  const shown = () => page.textContent("#app");
  await eventually(async () => expect(await shown()).toContain("status: "));
  const carrier = `UPS ${crypto.randomUUID()}`;
  const published = await fetch(`${service.url}/api/v1/publish/orders/${service.credentials.order}`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.credentials.key}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "order_shipped", data: { carrier } }),
  });
  expect(published.status).toBe(200);
  await eventually(async () => expect(await shown()).toContain(`status: shipped by ${carrier}`));
  expect(errors).toEqual([]);
  await page.close();
}

const settings = () => ({ orderId: service.credentials.order, url: service.url, token: service.credentials.customer });
const html = (script: string) => `<!doctype html><div id="app"></div><script type="module" src="${script}"></script>`;

/** Builds a project with Vite, and returns the URL where it is served. */
async function buildWithVite(path: string): Promise<string> {
  await run("npx", ["vite", "build", "--logLevel", "error"], { cwd: path });
  return serve(join(path, "dist"));
}

test("a new Vite and React project installs the SDK, builds, and shows an order live", async () => {
  const { orderId, url, token } = settings();
  const path = await project("react-shop", ["vite", "react", "react-dom"], {
    "index.html": html("/main.jsx"),
    "main.jsx": `
import { createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { useOrderUpdates } from "tidings/react";
function Order() {
  const { order } = useOrderUpdates("${orderId}", { url: "${url}", getToken: () => "${token}" });
  return order ? \`status: \${order.status} by \${order.carrier}\` : "…";
}
createRoot(document.getElementById("app")).render(createElement(StrictMode, null, createElement(Order)));`,
  });
  await expectLiveOrder(await buildWithVite(path));
});

test("a new Vite and Vue project installs the SDK, builds, and shows an order live", async () => {
  const { orderId, url, token } = settings();
  const path = await project("vue-shop", ["vite", "vue"], {
    "index.html": html("/main.js"),
    "main.js": `
import { createApp, h } from "vue";
import { useOrderUpdates } from "tidings/vue";
createApp({
  setup() {
    const { order } = useOrderUpdates(() => "${orderId}", { url: "${url}", getToken: () => "${token}" });
    return () => h("p", order.value ? \`status: \${order.value.status} by \${order.value.carrier}\` : "…");
  },
}).mount("#app");`,
  });
  await expectLiveOrder(await buildWithVite(path));
});

test("a page without a bundler imports the SDK from the service", async () => {
  const { orderId, url, token } = settings();
  const path = join(folder, "plain-shop");
  await mkdir(path);
  await writeFile(
    join(path, "index.html"),
    `<!doctype html><div id="app"></div><script type="module">
import { connectOrder } from "${url}/sdk/client.js";
const app = document.getElementById("app");
connectOrder("${orderId}", {
  url: "${url}",
  getToken: () => "${token}",
  onSnapshot: ({ current_status }) => { app.textContent = "status: " + current_status; },
  onEvent: ({ data }) => { app.textContent = "status: shipped by " + data.carrier; },
});
</script>`,
  );
  await expectLiveOrder(await serve(path));
});

test("a Node script installs the SDK, imports and requires it, and receives an order's state", async () => {
  const { orderId, url, token } = settings();
  const path = await project("node-script", [], {
    "watch.js": `
import { connectOrder } from "tidings/client";
const connection = connectOrder("${orderId}", {
  url: "${url}",
  getToken: () => "${token}",
  onSnapshot: (order) => { console.log(order.order_id); connection.close(); },
});`,
    "publish.cjs": `
const { createPublisher } = require("tidings/publisher");
createPublisher({ url: "${url}", key: "${service.credentials.key}" })
  .publishOrderUpdate("${orderId}", "order_delivered", {})
  .then(({ status }) => console.log(status));`,
  });
  const { stdout: order } = await run(process.execPath, ["watch.js"], { cwd: path });
  expect(order.trim()).toBe(orderId);
  const { stdout: status } = await run(process.execPath, ["publish.cjs"], { cwd: path });
  expect(status.trim()).toBe("applied");
});

test("the Python publisher downloads as one file", async () => {
  const response = await fetch(`${service.url}/sdk/tidings.py`);
  expect(response.status).toBe(200);
  expect(await response.text()).toBe(await readFile("src/sdk/python/publisher.py", "utf8"));
});

test("any page may load the files, and the current version is revalidated", async () => {
  const { headers } = await fetch(`${service.url}/sdk/client.js`);
  expect(headers.get("access-control-allow-origin")).toBe("*");
  expect(headers.get("cross-origin-resource-policy")).toBe("cross-origin");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("cache-control")).toMatch(/max-age=0, must-revalidate/);
  expect(headers.get("etag")).toBeTruthy();
});
