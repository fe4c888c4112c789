import { once } from "node:events";
import { createServer } from "node:net";
import { usageError } from "../cli/shared/command-error.ts";
import { wranglerTable } from "../cli/shared/dev-vars.ts";

const MAX_PORT = 65_535;

/**
 * Returns the port that `wrangler dev` will use: `--port`, else `[dev] port` of `wrangler.toml`; null when unknown.
 * @param wranglerToml The file's text.
 * @throws {CommandError} when it is not a port.
 */
export function wantedPort(wranglerToml: string, args: string[]): number | null {
  const flag = args.findLastIndex((arg) => arg === "--port" || arg.startsWith("--port="));
  if (flag >= 0) return toPort("--port", args[flag]?.split("=")[1] ?? args[flag + 1] ?? "");
  const { port } = wranglerTable(wranglerToml, "dev");
  return port === undefined ? null : toPort("`port` in wrangler.toml", String(port));
}

function toPort(source: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= MAX_PORT) return port;
  throw usageError(
    `${source} must be a whole number up to ${MAX_PORT}, not "${text}". For example: npm run dev -- --port 8123`,
  );
}

/** Whether a program already listens on this port of the local machine, over IPv4 or IPv6. */
export async function isPortTaken(port: number): Promise<boolean> {
  return (await isTaken(port, "127.0.0.1")) || (await isTaken(port, "::1"));
}

async function isTaken(port: number, host: string): Promise<boolean> {
  const server = createServer().listen(port, host);
  try {
    await once(server, "listening");
    return false;
  } catch (error) {
    // Other errors, such as a machine without IPv6, do not mean that the port is taken.
    return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  } finally {
    server.close();
  }
}
