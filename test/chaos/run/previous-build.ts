import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type WorkerdOptions, wranglerConfig } from "../../support/workerd-config.ts";

/** The version before shards, whose sources are in the repository's history. */
const PREVIOUS = "ba425617b93c3879d3125a82de03e15f66d3d73e";
const ROOT = fileURLToPath(new URL("../../../", import.meta.url).href);
const run = promisify(execFile);

let found: Promise<Partial<WorkerdOptions> | null> | undefined;

/** What to change in order to deploy the previous version, or null if this checkout has no such history. */
export function previousBuild(): Promise<Partial<WorkerdOptions> | null> {
  found ??= extract().catch(() => null);
  return found;
}

async function extract(): Promise<Partial<WorkerdOptions>> {
  const directory = await mkdtemp(join(tmpdir(), "tidings-previous-"));
  process.once("exit", () => void rm(directory, { recursive: true, force: true }));
  await run("git", ["-C", ROOT, "archive", "--output", join(directory, "sources.tar"), PREVIOUS, "src"]);
  await run("tar", ["-xf", join(directory, "sources.tar"), "-C", directory]);
  await symlink(join(ROOT, "node_modules"), join(directory, "node_modules"));
  const { bindings } = wranglerConfig.durable_objects;
  const classes = bindings.filter(({ class_name }) => class_name !== "ProductsShard");
  return {
    entry: join(directory, "src/index.ts"),
    durableObjects: Object.fromEntries(classes.map(({ name, class_name }) => [class_name, name])),
  };
}
