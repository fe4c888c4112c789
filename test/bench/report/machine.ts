import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import * as z from "zod";

/** Where and with what a run was made, without the names of hosts and folders. */

export interface Machine {
  cpu: string;
  cores: number;
  memoryGB: number;
  system: string;
  /** Processes that were running or waiting, on average over the minute before the run. */
  loadBefore: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Returns the commit that was measured, with a `+` if files differ from it; null outside of a Git checkout. */
export function describeCommit(): string | null {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  try {
    const isChanged = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short=12", "HEAD").trim()}${isChanged ? "+" : ""}`;
  } catch {
    return null;
  }
}

const LIBRARIES = [
  "workerd",
  "hono",
  "partyserver",
  "ws",
  "@redis/client",
  "socket.io",
  "@socket.io/redis-streams-adapter",
];

const manifest = z.object({ name: z.string(), version: z.string() });

export function describeVersions(): Record<string, string> {
  const libraries = LIBRARIES.map((name) => [name, versionOf(name)] as const);
  return { node: process.versions.node, redis: redisVersion(), ...Object.fromEntries(libraries) };
}

/** Packages need not export their manifest, so this looks for it in the folders of modules. */
function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return manifest.parse(JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8"))).version;
    } catch {}
  }
  return "unknown";
}

function redisVersion(): string {
  try {
    const [, version] = /v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" })) ?? [];
    return version ?? "unknown";
  } catch {
    return "not installed";
  }
}
