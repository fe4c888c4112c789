import process from "node:process";

/** Loaded into wrangler's process by `startWrangler`, before wrangler itself. */

// After the program and `dev`, so that the developer's own arguments come last and win.
const ARGUMENTS_START = 3;
// Written by `startWrangler`, so not checked. Absent in wrangler's worker threads and forks, which load this file as well.
const variables: Record<string, string> = JSON.parse(process.env.TIDINGS_DEV_VARIABLES ?? "{}");
const options = Object.entries(variables).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
process.argv.splice(ARGUMENTS_START, 0, ...options);
// The processes that wrangler starts must not inherit them.
delete process.env.TIDINGS_DEV_VARIABLES;

// If the launcher dies without stopping wrangler (`kill -9`), their IPC channel closes. Wrangler then ends as it would on
// Ctrl-C, instead of holding the port forever.
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
