import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type * as z from "zod";
import { RedisUnavailable } from "../../cli/redis/connection.ts";
import { parseJson } from "../../protocol/json.ts";
import { MAX_UPSTASH_MESSAGE_BYTES } from "../../protocol/platform-limits.ts";

/** A request that the bridge refuses without asking Redis. */
export class BridgeRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Returns a function that checks a request's token. */
export function tokenCheck(token: string): (request: IncomingMessage) => boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  const expected = hash(`Bearer ${token}`);
  // Hashes have the same length, as a comparison in constant time requires.
  return ({ headers }) => timingSafeEqual(hash(headers.authorization ?? ""), expected);
}

/** @throws {BridgeRefusal} for a body that is too long. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // Keeps reading, but drops the rest: a client that is cut off while sending never sees the answer.
    if (size <= MAX_UPSTASH_MESSAGE_BYTES) chunks.push(chunk);
  }
  if (size > MAX_UPSTASH_MESSAGE_BYTES) throw new BridgeRefusal(413, tooLargeError(size, MAX_UPSTASH_MESSAGE_BYTES));
  return Buffer.concat(chunks);
}

/** Returns Upstash's error for a request or a reply beyond its limit. */
export const tooLargeError = (bytes: number, maxBytes: number) =>
  `ERR max request size exceeded. Limit: ${maxBytes} bytes, Actual: ${bytes} bytes`;

/** @throws {BridgeRefusal} for a body that is not JSON of this form. */
export function parseBody<T>(body: Buffer, form: z.ZodType<T>): T {
  const parsed = form.safeParse(parseJson(body.toString()));
  if (parsed.success) return parsed.data;
  throw new BridgeRefusal(400, "ERR failed to parse the request");
}

/** Maps an error to the status and message that the client receives. */
export function httpErrorOf(error: unknown): [status: number, message: string] {
  if (error instanceof BridgeRefusal) return [error.status, error.message];
  // Must not look like a Redis error, which a client would take for a refusal of its command.
  return [500, error instanceof RedisUnavailable ? error.message : "Internal error"];
}

/** Prints a fault of the bridge itself; ordinary failures of a request or of Redis are only answered. */
export function printFault(error: unknown): void {
  if (error instanceof BridgeRefusal || error instanceof RedisUnavailable) return;
  // The stack alone: other properties of an error may have parts of the request.
  console.error("The Redis bridge failed:", error instanceof Error ? error.stack : error);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
