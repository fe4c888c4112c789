import { CommandError, EXIT, usageError } from "../cli/shared/command-error.ts";
import { isPortBlocked } from "../cli/shared/connection-failure.ts";
import { announceDevServer } from "../cli/shared/dev-server.ts";
import { DEV_VARS_FILE, readDevVars, readServiceSettings } from "../cli/shared/dev-vars.ts";
import { serviceUrl } from "../cli/shared/settings.ts";
import { processTerminal, type Terminal } from "../cli/shared/terminal.ts";
import { readTextFile } from "../cli/shared/text-file.ts";
import { readConfig } from "../config/config.ts";
import { completeDevVars } from "./complete-dev-vars.ts";
import { prepareDemo } from "./demo.ts";
import { isPortTaken, wantedPort } from "./port.ts";
import { openRedisIngress, type RedisIngress } from "./redis-ingress.ts";
import { welcome } from "./welcome.ts";
import { startWrangler } from "./wrangler.ts";

/** `npm run dev`: settings, a bridge to the local Redis, `wrangler dev`, and a demo order. */

const PARENT_POLL_MS = 500;

/** @param args Passed on to `wrangler dev`. @returns The exit code: wrangler's, once it has run. */
async function dev(args: string[], terminal: Terminal): Promise<number> {
  const { cwd } = terminal;
  const wranglerToml = readTextFile(cwd, "wrangler.toml");
  if (wranglerToml === null) {
    throw usageError("There is no wrangler.toml here. Run `npm run dev` in the project's own folder.");
  }
  const port = wantedPort(wranglerToml, args);
  const addedSettings = completeDevVars(cwd);
  refuseBadSettings(cwd);
  if (port !== null && (await isPortTaken(port))) {
    throw new CommandError(
      EXIT.failed,
      `Port ${port} is taken by another program. Stop that program, or choose another port: npm run dev -- --port 8123`,
    );
  }
  if (port !== null && (await isPortBlocked(port))) {
    throw usageError(`Browsers refuse to call port ${port}. Choose another: npm run dev -- --port 8123`);
  }

  const redis = await openRedisIngress(terminal);
  try {
    return await serve(args, addedSettings, redis, terminal);
  } finally {
    await redis.close();
  }
}

/** Fails early for settings in `.dev.vars` that would make the service refuse every request. */
function refuseBadSettings(cwd: string): void {
  // Some rules concern several settings, which may be in different files.
  const result = readConfig(readServiceSettings(cwd));
  if (result.ok) return;
  const settings = readDevVars(cwd);
  const found = result.faults.filter(({ setting }) => settings[setting] !== undefined);
  if (found.length === 0) return;
  const faults = found.map(({ setting, message }) => `\n  ${setting} ${message}`).join("");
  throw usageError(
    `${DEV_VARS_FILE} has settings that the service would refuse:${faults}\nFix or delete these lines. \`npm run dev\` generates a deleted secret again.`,
  );
}

/** Runs `wrangler dev` until it ends, and greets the developer once the service answers. */
async function serve(
  args: string[],
  addedSettings: string[],
  redis: RedisIngress,
  terminal: Terminal,
): Promise<number> {
  const wrangler = startWrangler(terminal.cwd, args, redis.variables);
  const removeHandlers = [terminal.onInterrupt(wrangler.stop), onParentExit(wrangler.stop)];
  let withdraw = () => {};
  try {
    const address = await wrangler.ready;
    if (address) {
      const url = `http://${hostName(address.host)}:${address.port}`;
      const demo = await prepareDemo(url, wrangler, terminal.cwd);
      if (demo) {
        withdraw = announceDevServer(terminal.cwd, url);
        terminal.out(welcome({ ...demo, needsUrl: serviceUrl({}, terminal) !== url, addedSettings, redis }));
      }
    }
    return await wrangler.exited;
  } catch (error) {
    wrangler.stop();
    await wrangler.exited;
    throw error;
  } finally {
    withdraw();
    for (const remove of removeHandlers) remove();
  }
}

/**
 * Calls back when the parent process has ended: npm, or the shell that npm started. That shell does not pass SIGTERM on, so
 * the service would keep running and hold its port. @returns A function that removes the handler.
 */
function onParentExit(stop: () => void): () => void {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => process.ppid !== parent && stop(), PARENT_POLL_MS);
  return () => clearInterval(timer);
}

/** Returns `localhost`, which browsers treat as secure, for a server that listens on loopback or everywhere. */
function hostName(host: string): string {
  return ["*", "0.0.0.0", "::", "[::]", "127.0.0.1", "::1", "[::1]"].includes(host) ? "localhost" : host;
}

// `npm run dev -- --port 8123` passes no `--` on; a direct call may.
const args = process.argv.slice(2);
try {
  process.exitCode = await dev(args[0] === "--" ? args.slice(1) : args, processTerminal);
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
