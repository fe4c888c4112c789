import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DEV_SERVER_FILE } from "../../../src/cli/shared/dev-server.ts";
import { readDevVars } from "../../../src/cli/shared/dev-vars.ts";
import { isPortTaken } from "../../../src/dev/port.ts";
import { GuardedOutput, WELCOME } from "../../support/leak-guard/process-output.ts";
import { rememberSecret } from "../../support/leak-guard/rules.ts";
import { freePort } from "../../support/loopback.ts";
import { copyProject, DEV_FILES } from "../../support/project-copy.ts";
import { hasRedis, type RedisServer, startRedis } from "../../support/redis.ts";

/** `npm run dev` as a whole: a real `wrangler dev` in a copy of the project, with its own `.dev.vars` and state. */

const DEMO_ORDER = "123e4567-e89b-12d3-a456-426614174000";
const SLOW = 120_000;
const withRedis = hasRedis("the local service with a Redis");
/** Port 9 (discard): nothing listens on it here. */
const NO_REDIS = "redis://127.0.0.1:9";

class Program {
  readonly process: ChildProcess;
  /** Checks everything it prints, except the welcome, for secrets. */
  readonly judged: GuardedOutput;
  output = "";
  #wake = () => {};

  constructor(folder: string, program: string, args: string[]) {
    // Without the developer's own credentials and database.
    const env = Object.entries(process.env).filter(
      ([name]) => !/^(JWT_|PUBLISH_KEYS|TIDINGS_|REDIS_|UPSTASH_)/.test(name),
    );
    this.process = spawn(program, args, {
      cwd: folder,
      env: { ...Object.fromEntries(env), REDIS_URL: redis?.url ?? NO_REDIS },
    });
    this.judged = new GuardedOutput(this.process, WELCOME);
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (chunk) => {
        this.output += chunk;
        this.#wake();
      });
    }
    this.process.on("close", () => this.#wake());
  }

  /** Waits until it has printed this. @throws when it ends first. */
  async until(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      if (this.process.exitCode !== null) throw new Error(`it ended without printing "${text}":\n${this.output}`);
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  async exitCode(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "close");
    return this.process.exitCode;
  }
}

let folder: string;
let port: number;
let dev: Program;
let firstOutput: string;
let redis: RedisServer | undefined;
const started: Program[] = [];
const start = (script: string, ...args: string[]) => run(process.execPath, script, ...args);
const run = (command: string, ...args: string[]) => {
  const program = new Program(folder, command, args);
  started.push(program);
  return program;
};
const tidings = (...args: string[]) => start("src/cli/tidings.ts", ...args, "--url", `http://localhost:${port}`);
const startDev = async (command = process.execPath, ...args: string[]) => {
  dev = run(command, ...(args.length > 0 ? args : ["src/dev/dev.ts"]), "--port", String(port));
  await dev.until("Try everything");
  const { JWT_SECRET = "", PUBLISH_KEYS = "" } = readDevVars(folder);
  for (const secret of [JWT_SECRET, PUBLISH_KEYS.split(":")[1] ?? ""]) rememberSecret(secret);
};
const portIs = async (taken: boolean) => {
  while ((await isPortTaken(port)) !== taken) await new Promise((retry) => setTimeout(retry, 50));
};

beforeAll(async () => {
  folder = copyProject(DEV_FILES);
  port = await freePort();
  if (withRedis) redis = await startRedis();
  await startDev();
  firstOutput = dev.output;
}, SLOW);

afterAll(async () => {
  for (const { process } of started) process.kill("SIGTERM");
  await Promise.all(started.map((program) => program.exitCode()));
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
  for (const { judged } of started) await judged.expectClean("a command");
}, SLOW);

it("passes its own smoke test, whose command finds its port", { timeout: SLOW }, async () => {
  const smoke = start("src/cli/tidings.ts", "smoke");
  expect(await smoke.exitCode(), smoke.output).toBe(0);
});

it("fails the smoke test at the one check that a wrong secret breaks", { timeout: SLOW }, async () => {
  const smoke = tidings("smoke", "--secret", "w".repeat(32));
  expect(await smoke.exitCode()).toBe(1);
  expect(smoke.output).toContain("signed with --secret: is that the JWT_SECRET of");
  expect(smoke.output).toContain("1 of 3 checks failed.");
});

it("logs no warning before the first request", () => expect(firstOutput).not.toContain('"level"'));

it("prints one address with everything that the demo page needs, which no server receives", async () => {
  const address = new URL(String(/^ +(http\S+\/#\S+)$/m.exec(dev.output)?.[1]));
  expect([address.port, address.pathname, address.search]).toEqual([String(port), "/", ""]);
  const { order, customer, admin, key } = Object.fromEntries(new URLSearchParams(address.hash.slice(1)));
  expect(order).toBe(DEMO_ORDER);
  const statusOf = async (path: string, credential = "") =>
    (await fetch(`${address.origin}${path}`, { headers: { Authorization: `Bearer ${credential}` } })).status;
  for (const token of [customer, admin]) expect(await statusOf(`/api/v1/orders/${DEMO_ORDER}`, token)).toBe(200);
  expect(await statusOf("/metrics", key)).toBe(200);

  const page = await fetch(address.origin);
  expect([page.status, page.headers.get("Content-Type")]).toEqual([200, "text/html; charset=utf-8"]);
  expect(page.headers.get("Content-Security-Policy")).toMatch(/^default-src 'self';/);
  for (const secret of [customer, admin, key]) expect(await page.clone().text()).not.toContain(secret);
});

it("serves the API reference with all its files, and lets the service answer every other path", async () => {
  const url = `http://localhost:${port}`;
  // As a browser navigates: a path without a file must not get an error page of the platform.
  const headers = { Accept: "text/html", "Sec-Fetch-Mode": "navigate" };
  const page = await fetch(`${url}/docs/api`, { headers });
  expect(page.status).toBe(200);
  const files = [...(await page.text()).matchAll(/(?:src|href)="(\/docs\/[^"]+\.\w+)"/g)].map(([, path]) => path);
  expect(files).toEqual(["/docs/manual.css", "/docs/manual.js"]);
  for (const path of files) {
    const file = await fetch(`${url}${path}`);
    expect([path, file.status, file.headers.get("X-Content-Type-Options")]).toEqual([path, 200, "nosniff"]);
  }
  for (const path of ["/docs/none.js", "/none"]) {
    const answer = await fetch(`${url}${path}`, { headers });
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([404, "application/problem+json"]);
  }
});

it.skipIf(!withRedis)("delivers events from Redis", { timeout: SLOW }, async () => {
  expect(dev.output).toContain(`Redis ingress   on: ${redis?.url}`);
  const watch = tidings("watch", "products");
  await watch.until("listening to");
  const publishing = tidings("publish", "products", "price_updated", "--via", "redis");
  expect(await publishing.exitCode(), publishing.output).toBe(0);
  await watch.until("price_updated");
  // The redis-cli command that the welcome prints.
  const [, stream, fields, data] =
    /XADD (\S+) '\*' (channel products type inventory_updated data) '(.+)'/.exec(dev.output) ?? [];
  await redis?.cli("XADD", String(stream), "*", ...String(fields).split(" "), String(data));
  await redis?.cli("PUBLISH", /PUBLISH (\S+) 1/.exec(dev.output)?.[1] ?? "", "1");
  await watch.until("inventory_updated");
  watch.process.kill("SIGINT");
  await watch.exitCode();
});

it.skipIf(!withRedis)("shows the token of its Redis to no other user of the machine", () => {
  const processes = execFileSync("ps", ["-A", "-ww", "-o", "ppid=,args="], { encoding: "utf8" }).split("\n");
  const wrangler = processes.filter((line) => Number.parseInt(line, 10) === dev.process.pid);
  expect(wrangler).toEqual([expect.stringMatching(/wrangler\S* dev /)]);
  expect(wrangler.join()).not.toContain("UPSTASH");
});

it("says how to choose another port when its port is taken", { timeout: SLOW }, async () => {
  const second = start("src/dev/dev.ts", "--", "--port", String(port));
  expect(await second.exitCode()).toBe(1);
  expect(second.output).toContain(`Port ${port} is taken`);
  expect(second.output).toContain("npm run dev -- --port");
});

it.each([
  [["--port", "99999"], '--port must be a whole number up to 65535, not "99999"'],
  [["--port", "6000"], "Browsers refuse to call port 6000. Choose another: npm run dev -- --port 8123"],
  [["--port"], '--port must be a whole number up to 65535, not ""'],
])("refuses %j in one line that says what to do", { timeout: SLOW }, async (args, message) => {
  const second = start("src/dev/dev.ts", ...args);
  expect(await second.exitCode()).toBe(2);
  expect(second.output).toContain(message);
  expect(second.output.trim().split("\n")).toHaveLength(1);
});

it.each([".dev.vars", "wrangler.toml"])("says what to do about a folder named %s", { timeout: SLOW }, async (name) => {
  const other = mkdtempSync(join(tmpdir(), "tidings-dev-"));
  writeFileSync(join(other, "wrangler.toml"), "[dev]\nport = 8000\n");
  rmSync(join(other, name), { force: true });
  mkdirSync(join(other, name));
  const program = new Program(other, process.execPath, [join(folder, "src/dev/dev.ts")]);
  started.push(program);
  expect(await program.exitCode()).toBe(2);
  expect(program.output.trim()).toBe(
    `${name} is a folder, but must be a file. Move the folder away and run this again.`,
  );
  rmSync(other, { recursive: true });
});

it.each([
  ["accepts a setting of .dev.vars that one of wrangler.toml completes", "JWT_ALGORITHMS=RS256", "is taken by another"],
  ["refuses one that only the line itself can fix", "HISTORY_LIMIT=many", "HISTORY_LIMIT must"],
])("%s", { timeout: SLOW }, async (_, line, message) => {
  const other = mkdtempSync(join(tmpdir(), "tidings-dev-"));
  // Settings are checked before the port.
  const toml = `[dev]\nport = ${port}\n[vars]\nJWT_ISSUER = "https://login.shop.example"\n`;
  writeFileSync(join(other, "wrangler.toml"), toml);
  writeFileSync(join(other, ".dev.vars"), `${line}\n`);
  const program = new Program(other, process.execPath, [join(folder, "src/dev/dev.ts")]);
  started.push(program);
  await program.exitCode();
  expect(program.output).toContain(message);
  rmSync(other, { recursive: true });
});

it("delivers every missed event to a watcher once, after it was killed and restarted", { timeout: SLOW }, async () => {
  const publish = async (type: string) => {
    const publishing = tidings("publish", DEMO_ORDER, type);
    expect(await publishing.exitCode(), publishing.output).toBe(0);
  };
  const watch = tidings("watch", DEMO_ORDER);
  await watch.until("listening to");
  await publish("order_status_changed");
  await watch.until("order_status_changed");

  dev.process.kill("SIGKILL");
  await watch.until("trying again");
  // Everything that the launcher started ends with it.
  await portIs(false);
  // While the watcher is suspended, the service restarts and two events happen.
  watch.process.kill("SIGSTOP");
  await startDev();
  await publish("order_shipped");
  await publish("order_delivered");
  watch.process.kill("SIGCONT");
  await watch.until("recovered 2 events since seq 1");
  await publish("order_cancelled");
  await watch.until("order_cancelled");

  watch.process.kill("SIGINT");
  expect(await watch.exitCode()).toBe(0);
  const seen = [...watch.output.matchAll(/^ +(\d+) {2}\S+ {2}(order_\w+)/gm)].map(([, seq, type]) => `${seq} ${type}`);
  expect(seen).toEqual(["1 order_status_changed", "2 order_shipped", "3 order_delivered", "4 order_cancelled"]);
  expect(watch.output).toContain("4 events in 2 connections");
});

it("ends on SIGTERM and leaves nothing behind", { timeout: SLOW }, async () => {
  dev.process.kill("SIGTERM");
  expect(await dev.exitCode()).toBe(0);
  await portIs(false);
  expect(existsSync(join(folder, DEV_SERVER_FILE))).toBe(false);
});

it("leaves out the demo page, and nothing else, after a change of one line in wrangler.toml", {
  timeout: SLOW,
}, async () => {
  const file = join(folder, "wrangler.toml");
  const before = readFileSync(file, "utf8");
  const line = String(/^# To leave the demo page out: (.+)$/m.exec(before)?.[1]);
  writeFileSync(file, before.replace(/^command = .+$/m, line));
  await startDev("npm", "run", "dev", "--");
  expect(dev.output).not.toContain("Open the demo");
  const url = `http://localhost:${port}`;
  for (const path of ["/", "/index.html", "/demo/main.js"]) {
    const answer = await fetch(url + path, { headers: { Accept: "text/html", "Sec-Fetch-Mode": "navigate" } });
    expect([path, answer.status]).toEqual([path, 404]);
  }
  const page = await fetch(`${url}/docs/api`);
  expect(page.status).toBe(200);
  expect(await page.text()).not.toContain('href="/"');
});

it("ends with the npm that started it", { timeout: SLOW }, async () => {
  dev.process.kill("SIGTERM");
  await portIs(false);
});
