import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ErrorReply } from "@redis/client";
import { TOKEN_PARAMETER } from "../../cli/redis/command.ts";
import { RedisUnavailable } from "../../cli/redis/connection.ts";

/** What a request has to be, and how it is told that it is not. */

/** As Upstash has it for most of its databases. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** A request that Redis never saw. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** @returns What tells whether a request bears the token, in its header or its address. */
export function tokenCheck(token: string): (request: IncomingMessage, url: URL) => boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  const expected = hash(token);
  return ({ headers }, url) => {
    const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
    // Hashes have one length, so that the time it takes tells nothing about the token.
    return timingSafeEqual(hash(bearer ?? url.searchParams.get(TOKEN_PARAMETER) ?? ""), expected);
  };
}

/** @throws {Refusal} when it is too long. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // The rest is read and dropped: a client that is cut off while it sends does not get to see the answer.
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BODY_BYTES) throw new Refusal(413, `ERR max request size exceeded. Limit: ${MAX_BODY_BYTES} bytes`);
  return Buffer.concat(chunks);
}

/** @throws {Refusal} when it is none. */
export function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new Refusal(400, "ERR failed to parse command: the body is not JSON");
  }
}

/** How a failure is told to the client. */
export function failureOf(error: unknown): [status: number, message: string] {
  if (error instanceof Refusal) return [error.status, error.message];
  if (error instanceof ErrorReply) return [400, error.message];
  // Not in the form of an error of Redis, which a client takes for a refusal of this very command.
  return [500, error instanceof RedisUnavailable ? error.message : "Internal error"];
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
