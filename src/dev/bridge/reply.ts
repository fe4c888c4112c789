import { ErrorReply } from "@redis/client";
import type { Reply } from "../../cli/redis/connection.ts";
import { tooLargeError } from "./http.ts";

/** A command's outcome in Upstash's REST protocol. */
export type CommandOutcome = { result: unknown } | { error: string };

/** How strings in results are encoded. JSON has no bytes, so clients that need them intact ask for base64. */
export type Encoding = "utf8" | "base64";

/** Converts a reply of Redis into an outcome, ready for JSON. @param maxBytes A larger reply becomes an error. */
export function outcomeOf(reply: Reply, encoding: Encoding, maxBytes: number): CommandOutcome {
  if (reply instanceof ErrorReply) return { error: reply.message };
  const bytes = replyBytes(reply);
  if (bytes > maxBytes) return { error: tooLargeError(bytes, maxBytes) };
  // Upstash's client decodes every string, `PONG` and `stream` included, except this one word.
  return { result: reply === "OK" ? reply : encoded(reply, encoding) };
}

function encoded(reply: Reply, encoding: Encoding): unknown {
  if (Array.isArray(reply)) return reply.map((item) => encoded(item, encoding));
  if (reply === null || typeof reply === "number") return reply;
  if (reply instanceof ErrorReply) return encoded(reply.message, encoding);
  const bytes = typeof reply === "string" ? Buffer.from(reply) : reply;
  return bytes.toString(encoding);
}

function replyBytes(reply: Reply): number {
  if (Array.isArray(reply)) return reply.reduce((sum: number, item) => sum + replyBytes(item), 0);
  return Buffer.isBuffer(reply) ? reply.length : 0;
}
