import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { dirname, join } from "node:path";
import * as z from "zod";

/** Where a running `npm run dev` leaves its address for the command line. Git ignores the folder. */
export const DEV_SERVER_FILE = ".wrangler/tidings-dev.json";

const devServer = z.object({
  url: z.string(),
  pid: z.int().positive(),
  /** ISO 8601. */
  started_at: z.iso.datetime(),
});

/** Records the address of this process's service. @returns A function that removes the record. */
export function announceDevServer(folder: string, url: string): () => void {
  const path = join(folder, DEV_SERVER_FILE);
  const record: z.infer<typeof devServer> = { url, pid: process.pid, started_at: new Date().toISOString() };
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(record));
  } catch {
    // The service runs without the record; commands need --url then.
  }
  return () => {
    // Another `npm run dev` of this folder may have replaced it.
    if (readRecord(folder)?.pid === process.pid) rmSync(path, { force: true });
  };
}

/** Returns the address of the `npm run dev` that runs in a folder; null without one. A killed one's record is ignored. */
export function runningDevServer(folder: string): string | null {
  const record = readRecord(folder);
  return record && isRunning(record) ? record.url : null;
}

function readRecord(folder: string): z.infer<typeof devServer> | null {
  try {
    return devServer.parse(JSON.parse(readFileSync(join(folder, DEV_SERVER_FILE), "utf8")));
  } catch {
    return null;
  }
}

function isRunning({ pid, started_at }: z.infer<typeof devServer>): boolean {
  // After a restart of the machine, the process id may belong to another program.
  if (Date.parse(started_at) < Date.now() - uptime() * 1000) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists, but belongs to another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
