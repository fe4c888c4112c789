import { takeHiddenVariables } from "./hidden-variables.ts";

/** Loaded into wrangler's process, before wrangler itself. */

// After the program and `dev`, so that the developer's own arguments come last and win.
const ARGUMENTS_START = 3;
const hidden = Object.entries(takeHiddenVariables(process.env));
process.argv.splice(ARGUMENTS_START, 0, ...hidden.flatMap(([name, value]) => ["--var", `${name}:${value}`]));

// If the launcher dies without stopping wrangler (`kill -9`), their IPC channel closes. Wrangler then ends as it would on
// Ctrl-C, instead of holding the port forever.
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
