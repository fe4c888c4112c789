import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

/** Returns the port that `wrangler dev` will use: `--port`, else `[dev] port` of `wrangler.toml`; null when unknown. */
export function wantedPort(folder: string, args: string[]): number | null {
  const flag = args.findIndex((arg) => arg === "--port" || arg.startsWith("--port="));
  if (flag >= 0) return toPort(args[flag]?.split("=")[1] ?? args[flag + 1]);
  const devBlock = /^\[dev\]$([^[]*)/m.exec(readFileSync(join(folder, "wrangler.toml"), "utf8"))?.[1];
  return toPort(/^port *= *(\d+)/m.exec(devBlock ?? "")?.[1]);
}

function toPort(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : null;
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
