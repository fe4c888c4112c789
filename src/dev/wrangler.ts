import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import * as z from "zod";

/** `wrangler dev` as a child process that ends with us and leaves nothing behind. */

/** How long wrangler may take to end when it is asked to. */
const GRACE_MS = 5000;
const HAS_PROCESS_GROUPS = process.platform !== "win32";

/** What wrangler tells its parent once it listens. */
const readyMessage = z.object({ event: z.literal("DEV_SERVER_READY"), ip: z.string(), port: z.int() });

export interface Wrangler {
  /** Where it listens; null when it ended before it did. */
  ready: Promise<{ host: string; port: number } | null>;
  /** Its exit code, or 0 when it was asked to end; every process of it has gone by then. */
  exited: Promise<number>;
  /** Asks it to end; asked twice, it has no choice. */
  stop(): void;
}

/** @param args Passed on to `wrangler dev`. */
export function startWrangler(cwd: string, args: string[]): Wrangler {
  // The program itself, not its launcher in bin/: that one does not pass signals on.
  const program = createRequire(import.meta.url).resolve("wrangler");
  const guard = new URL("./dev-guard.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--no-warnings", "--import", guard, program, "dev", ...quietly(args)], {
    cwd,
    env: { ...process.env, ...QUIET_ENVIRONMENT },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // A group of its own: Ctrl-C reaches the launcher only, which passes it on once, and no member can be left over.
    detached: HAS_PROCESS_GROUPS,
  });
  const { promise: ready, resolve: setReady } = Promise.withResolvers<{ host: string; port: number } | null>();
  const { promise: exited, resolve: setExited } = Promise.withResolvers<number>();

  let isStopping = false;

  child.on("message", (message) => {
    const told = typeof message === "string" ? readyMessage.safeParse(JSON.parse(message)).data : undefined;
    if (told) setReady({ host: told.ip, port: told.port });
  });
  child.on("exit", (code, signal) => {
    // The runtime outlives a wrangler that crashed.
    killAll(child);
    setReady(null);
    // An end that was asked for is no failure, whatever it looked like from outside.
    setExited(isStopping ? 0 : (code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });

  const stop = () => {
    if (isStopping) return killAll(child);
    isStopping = true;
    child.kill("SIGTERM");
    setTimeout(() => killAll(child), GRACE_MS).unref();
  };
  return { ready, exited, stop };
}

/** No account, no questions, no reports, and nothing said that is not about this service. */
const QUIET_ENVIRONMENT = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  // `Request.cf` is not used here, and fetching an example of it needs the network.
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

function quietly(args: string[]): string[] {
  const saysHowLoud = args.some((arg) => arg.startsWith("--log-level"));
  return saysHowLoud ? args : ["--log-level", "warn", ...args];
}

function killAll(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(HAS_PROCESS_GROUPS ? -child.pid : child.pid, "SIGKILL");
  } catch {
    // All of them have gone.
  }
}
