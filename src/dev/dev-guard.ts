/**
 * Loaded into wrangler's process. When the launcher is gone without having said goodbye (`kill -9`), their channel
 * breaks, and wrangler ends as it would for Ctrl-C instead of holding the port for ever.
 */
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
