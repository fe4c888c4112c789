/** Structured log lines, one JSON object each. What goes in is chosen field by field: no token, key or payload. */

/**
 * A fault: something that should not happen and that somebody may have to look at.
 * @param where The operation that failed.
 * @param fields What identifies the case, such as the channel.
 */
export function logFault(where: string, error: unknown, fields: Record<string, string | number> = {}): void {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  console.error(JSON.stringify({ level: "error", event: "fault", where, error: `${name}: ${message}`, ...fields }));
}
