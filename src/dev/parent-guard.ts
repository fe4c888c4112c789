/**
 * Loaded into wrangler's process. If the launcher dies without stopping wrangler (`kill -9`), their IPC channel closes;
 * wrangler then ends as it would on Ctrl-C, instead of holding the port forever.
 */
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
