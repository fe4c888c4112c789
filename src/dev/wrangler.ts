import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import * as z from "zod";
import { parseJson } from "../protocol/json.ts";

/** How long wrangler may take to end after SIGTERM. */
const GRACE_MS = 5000;
const HAS_PROCESS_GROUPS = process.platform !== "win32";

/** The message that wrangler sends to its parent process once it listens. */
const readyMessage = z.object({ event: z.literal("DEV_SERVER_READY"), ip: z.string(), port: z.int() });

/** `wrangler dev` as a child process that ends with this one and leaves no process behind. */
export interface Wrangler {
  /** Where it listens; null when it ended first. */
  ready: Promise<{ host: string; port: number } | null>;
  /** Its exit code, or 0 after `stop`. All of its processes have ended by then. */
  exited: Promise<number>;
  /** Stops it with SIGTERM, and kills it if that takes too long. Further calls change nothing. */
  stop(): void;
}

/**
 * @param args Passed on to `wrangler dev`.
 * @param variables Set for the service, and not shown to other users of this machine.
 */
export function startWrangler(cwd: string, args: string[], variables: Record<string, string>): Wrangler {
  // The program itself, because its launcher in bin/ does not forward signals.
  const program = createRequire(import.meta.url).resolve("wrangler");
  const preload = new URL("./wrangler-preload.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--no-warnings", "--import", preload, program, "dev", ...quietly(args)], {
    cwd,
    // Every user of the machine can see a command line, but only the user who runs a process can see its environment.
    // wrangler's own `--env-file` would replace `.dev.vars` and expand each `$` in it.
    env: { ...process.env, ...QUIET_ENVIRONMENT, TIDINGS_DEV_VARIABLES: JSON.stringify(variables) },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // Its own process group: Ctrl-C reaches only the launcher, and the whole group can be killed.
    detached: HAS_PROCESS_GROUPS,
  });
  const { promise: ready, resolve: setReady } = Promise.withResolvers<{ host: string; port: number } | null>();
  const { promise: exited, resolve: setExited } = Promise.withResolvers<number>();

  let isStopping = false;

  child.on("message", (message) => {
    const address = readyMessage.safeParse(parseJson(String(message))).data;
    if (address) setReady({ host: address.ip, port: address.port });
  });
  child.on("exit", (code, signal) => {
    // The runtime would outlive a wrangler that crashed.
    killAll(child);
    setReady(null);
    // A requested stop is a success, whatever the exit status.
    setExited(isStopping ? 0 : (code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });

  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    child.kill("SIGTERM");
    setTimeout(() => killAll(child), GRACE_MS).unref();
  };
  return { ready, exited, stop };
}

/** No telemetry, no error reports, no banner. */
const QUIET_ENVIRONMENT = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  // Locally, the service needs no `Request.cf` (`edge/placement.ts`); fetching a sample would need the network.
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

/** Warnings only, and none about cron triggers, which do not run by themselves locally. */
function quietly(args: string[]): string[] {
  const hasLogLevel = args.some((arg) => arg.startsWith("--log-level"));
  return ["--test-scheduled", ...(hasLogLevel ? [] : ["--log-level", "warn"]), ...args];
}

function killAll(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(HAS_PROCESS_GROUPS ? -child.pid : child.pid, "SIGKILL");
  } catch {
    // All of them have ended already.
  }
}
