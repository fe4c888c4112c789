import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPackage } from "../../src/sdk/package/build.ts";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { ROOT } from "../support/documents.ts";
import { eventually } from "../support/eventually.ts";
import { ExampleBackend, hasPythonModules } from "../support/example-backend.ts";
import { freePort } from "../support/loopback.ts";
import { endProcess, endWithThisProcess } from "../support/processes.ts";
import { fileIn } from "../support/snippets.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { hasChromium, startChromium } from "./support/chromium.ts";

/** The shop of the manual's chapter "Example", file by file: FastAPI, React and Vite, outside the repository. */

const SETUP_TIMEOUT_MS = 60_000;
const chapter = chapterText("example");
const isInstalled =
  hasChromium("the manual's React page") && hasPythonModules(["fastapi", "uvicorn", "jwt"], "the manual's backend");

describe.skipIf(!isInstalled)("the manual's example", () => {
  let directory: string;
  let service: Workerd;
  let backend: ExampleBackend;
  let vite: ChildProcess;
  let browser: Browser;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://localhost:${port}`;
    service = await startTidings({ BACKEND_CORS_ORIGINS: url });
    [backend, browser] = await Promise.all([
      ExampleBackend.startFastApi(fileIn(chapter, "main.py"), service.url),
      startChromium(),
    ]);
    directory = await mkdtemp(join(tmpdir(), "tidings-example-"));
    // The addresses of this run, which has no fixed ports.
    const addresses: Record<string, string> = {
      "http://localhost:8000": service.url,
      "http://localhost:8001": backend.url,
      "port: 3000": `port: ${port}`,
    };
    for (const name of ["index.html", "main.tsx", "vite.config.js"]) {
      const text = Object.entries(addresses).reduce(
        (text, [from, to]) => text.replace(from, to),
        fileIn(chapter, name),
      );
      await writeFile(join(directory, name), text);
    }
    await writeFile(join(directory, "package.json"), '{"type":"module"}');
    await buildPackage(join(directory, "node_modules/tidings"));
    for (const name of ["react", "react-dom", "scheduler", "vite"]) {
      await symlink(join(ROOT, "node_modules", name), join(directory, "node_modules", name), "junction");
    }
    await mkdir(join(directory, "node_modules/.vite"));
    vite = spawn(process.execPath, [join(ROOT, "node_modules/vite/bin/vite.js")], { cwd: directory });
    endWithThisProcess(vite);
    await eventually(async () => expect((await fetch(url)).status).toBe(200), SETUP_TIMEOUT_MS);
  }, SETUP_TIMEOUT_MS);
  afterAll(async () => {
    await endProcess(vite, "SIGKILL");
    await browser?.close();
    await backend?.stop();
    await service?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test("shows an order as soon as it is placed, and its shipment when the backend publishes it", async () => {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    await page.goto(url);
    await page.click("text=Place an order");
    await page.waitForSelector("text=Your order is pending.");
    await page.click("text=Ship it");
    await page.waitForSelector("text=Your order is shipped. UPS 1Z999AA10123456784");
    await page.waitForSelector("li:has-text('order_shipped')");
    expect(errors).toEqual([]);
    await page.close();
  });
});
