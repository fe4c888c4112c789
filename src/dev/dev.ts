import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { completeDevVars, DEV_VARS_FILE, readDevVars } from "../cli/dev-vars.ts";
import { mintToken } from "../cli/mint.ts";
import { CommandError, EXIT, usageError } from "../cli/outcome.ts";
import { HEALTH_PATH, orderPath, Service } from "../cli/service.ts";
import { DEFAULT_URL, jwtSecret, publishKey, redisStream } from "../cli/settings.ts";
import { processTerminal, type Terminal } from "../cli/terminal.ts";
import { readConfig } from "../config/config.ts";
import { isPortTaken, wantedPort } from "./dev-port.ts";
import { openRedisIngress, type RedisIngress } from "./dev-redis.ts";
import { welcome } from "./dev-welcome.ts";
import { startWrangler, type Wrangler } from "./wrangler.ts";

/** `npm run dev`: settings, a way to the local Redis, `wrangler dev`, and a demo order with all that is needed to try it. */

/** The order of the original service's examples, so that a page written after them works as it is. */
const DEMO_ORDER_ID = "123e4567-e89b-12d3-a456-426614174000";
const DEMO_OWNER = "alice";
const DEMO_TOKEN_SECONDS = 86_400;
/** wrangler says that it is ready shortly before its proxy answers. */
const HEALTH_TIMEOUT_MS = 30_000;
const HEALTH_RETRY_MS = 100;

/** @param args Passed on to `wrangler dev`. @returns The exit code: wrangler's, once it has run. */
async function dev(args: string[], terminal: Terminal): Promise<number> {
  const { cwd } = terminal;
  if (!existsSync(join(cwd, "wrangler.toml"))) {
    throw usageError("There is no wrangler.toml here. Run `npm run dev` in the project's own directory.");
  }
  const addedSettings = completeDevVars(cwd);
  refuseBadSettings(cwd);
  const port = wantedPort(cwd, args);
  if (port !== null && (await isPortTaken(port))) {
    throw new CommandError(
      EXIT.failed,
      `Port ${port} is taken by another program. Stop that one, or choose another port: npm run dev -- --port 8123`,
    );
  }

  const redis = await openRedisIngress(terminal);
  try {
    return await serve([...redis.wranglerArguments, ...args], addedSettings, redis, terminal);
  } finally {
    await redis.close();
  }
}

/** Runs `wrangler dev` to its end. */
async function serve(
  args: string[],
  addedSettings: string[],
  redis: RedisIngress,
  terminal: Terminal,
): Promise<number> {
  const wrangler = startWrangler(terminal.cwd, args);
  const undo = terminal.onInterrupt(wrangler.stop);
  try {
    const address = await wrangler.ready;
    const url = address && `http://${hostName(address.host)}:${address.port}`;
    if (url) await greet(url, addedSettings, redis, wrangler, terminal);
    return await wrangler.exited;
  } catch (error) {
    wrangler.stop();
    await wrangler.exited;
    throw error;
  } finally {
    undo();
  }
}

/** Says what is wrong with `.dev.vars` before the service would at every request. */
function refuseBadSettings(cwd: string): void {
  const settings = readDevVars(cwd);
  const result = readConfig(settings);
  if (!("faults" in result)) return;
  // What is not in the file is in wrangler.toml, and may be right there.
  const found = result.faults.filter(({ setting }) => settings[setting] !== undefined);
  if (found.length === 0) return;
  const faults = found.map(({ setting, message }) => `\n  ${setting} ${message}`).join("");
  throw usageError(
    `${DEV_VARS_FILE} has settings that the service would refuse:${faults}\nMend those lines, or delete them to get new ones.`,
  );
}

/** An address that listens everywhere is reached as `localhost` too, which browsers treat as secure. */
function hostName(host: string): string {
  return ["*", "0.0.0.0", "::", "[::]", "127.0.0.1", "::1", "[::1]"].includes(host) ? "localhost" : host;
}

async function greet(
  url: string,
  addedSettings: string[],
  redis: RedisIngress,
  wrangler: Wrangler,
  terminal: Terminal,
): Promise<void> {
  // Only the file counts: wrangler does not hand the environment's settings to the service.
  const surroundings = { env: {}, cwd: terminal.cwd };
  const key = publishKey({ url: DEFAULT_URL }, surroundings);
  const secret = jwtSecret({ url: DEFAULT_URL }, surroundings).value;
  const service = new Service(url, key);
  let hasExited = false;
  void wrangler.exited.then(() => {
    hasExited = true;
  });
  await untilHealthy(service, () => hasExited);
  if (hasExited) return;
  // Its state is kept across restarts; only an order that is not there is registered.
  if ((await service.request("GET", orderPath(DEMO_ORDER_ID))).status === 404) {
    const order = { user_id: DEMO_OWNER, status: "pending", payment_status: "pending" };
    await service.call("PUT", orderPath(DEMO_ORDER_ID), order);
  }
  const mint = async (subject: string, role?: string) =>
    (await mintToken({ subject, role, ttlSeconds: DEMO_TOKEN_SECONDS }, secret)).token;
  terminal.out(
    welcome({
      url,
      publishKey: key.value,
      orderId: DEMO_ORDER_ID,
      owner: DEMO_OWNER,
      hasPage: (await fetch(url, { method: "HEAD" })).ok,
      customerToken: await mint(DEMO_OWNER),
      adminToken: await mint("admin", "admin"),
      addedSettings,
      redis,
      stream: redisStream(surroundings),
    }),
  );
}

async function untilHealthy(service: Service, hasExited: () => boolean): Promise<void> {
  const deadline = Date.now() + HEALTH_TIMEOUT_MS;
  while (!hasExited()) {
    try {
      await service.call("GET", HEALTH_PATH);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await wait(HEALTH_RETRY_MS);
    }
  }
}

/** `npm run dev -- --port 8123` comes without the `--`; a direct call may have it. */
const args = process.argv.slice(2);
try {
  process.exitCode = await dev(args[0] === "--" ? args.slice(1) : args, processTerminal);
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
