import { type ChildProcess, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GuardedOutput, WELCOME } from "../../support/leak-guard/process-output.ts";
import { freePort } from "../../support/loopback.ts";
import { endProcess, endWithThisProcess } from "../../support/processes.ts";
import { copyProject, DEV_FILES } from "../../support/project-copy.ts";
import { TEST_ENV } from "../../support/test-env.ts";

/** Runs `npm run dev` in a copy of the project, with the tests' secrets and a state of its own. */

/** Nothing listens on port 9 (discard). */
const NO_REDIS = "redis://127.0.0.1:9";

export interface DevService {
  url: string;
  /** The credentials in the demo address that it prints. */
  credentials: { order: string; customer: string; admin: string; key: string };
  /** @throws if it printed a token, a key or a payload outside its welcome message. */
  stop(): Promise<void>;
}

/** Another program may take the free port before wrangler does. */
const PORT_TRIES = 3;

/** @param changes Settings that differ from the tests' own. */
export async function startDevService(changes: Record<string, string> = {}, tries = PORT_TRIES): Promise<DevService> {
  const folder = copyProject(DEV_FILES);
  const settings = Object.entries({ ...TEST_ENV, HEALTH_DETAILS: "public", ...changes });
  writeFileSync(join(folder, ".dev.vars"), settings.map(([name, value]) => `${name}=${value}\n`).join(""));

  const child = spawn(process.execPath, ["src/dev/dev.ts", "--port", String(await freePort())], {
    cwd: folder,
    env: { ...process.env, REDIS_URL: NO_REDIS },
  });
  endWithThisProcess(child);
  const output = new GuardedOutput(child, WELCOME);
  const stop = async () => {
    await endProcess(child, "SIGTERM");
    rmSync(folder, { recursive: true, force: true });
    await output.expectClean("npm run dev");
  };
  try {
    const address = new URL(await demoAddress(child));
    const fragment = new URLSearchParams(address.hash.slice(1));
    const get = (name: string) => String(fragment.get(name));
    const credentials = { order: get("order"), customer: get("customer"), admin: get("admin"), key: get("key") };
    return { url: address.origin, credentials, stop };
  } catch (error) {
    await stop().catch(() => {});
    if (tries > 1 && String(error).includes("Address already in use")) return startDevService(changes, tries - 1);
    throw error;
  }
}

/** Waits for the demo address in the welcome message. */
function demoAddress(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      output += chunk;
      const [, address] = /^ +(http\S+\/#\S+)\n/m.exec(output) ?? [];
      if (address) resolve(address);
    });
  }
  child.once("close", () => reject(new Error(`npm run dev exited at startup:\n${output}`)));
  return promise;
}
