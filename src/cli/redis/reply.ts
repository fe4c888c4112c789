import { ErrorReply } from "@redis/client";

/** What Redis answers: blob strings as buffers, simple ones such as `OK` as strings. */
export type Reply = null | number | string | Buffer | ErrorReply | Reply[];

/** One command's outcome, as Upstash's REST protocol writes it. */
export type Outcome = { result: unknown } | { error: string };

/** How strings are written in results. JSON has no bytes, so whoever wants them whole asks for base64. */
export type Encoding = "utf8" | "base64";

/** @returns A command's reply, ready for JSON. */
export function outcomeOf(reply: Reply, encoding: Encoding): Outcome {
  if (reply instanceof ErrorReply) return { error: reply.message };
  // The client knows this one word by sight; it decodes every other, `PONG` and `stream` too.
  return { result: reply === "OK" ? reply : written(reply, encoding) };
}

function written(reply: Reply, encoding: Encoding): unknown {
  if (Array.isArray(reply)) return reply.map((item) => written(item, encoding));
  if (reply === null || typeof reply === "number") return reply;
  const bytes = typeof reply === "string" ? Buffer.from(reply) : reply;
  return (bytes instanceof ErrorReply ? Buffer.from(bytes.message) : bytes).toString(encoding);
}
