import type * as z from "zod";
import { MAX_EVENT_BYTES } from "../protocol/publish-call.ts";
import { check } from "../protocol/validation.ts";
import { Refusal, requireValid } from "./errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Reads a JSON body of at most `MAX_EVENT_BYTES` and checks it against a schema.
 * @throws {Refusal} 415, 413, 400 or 422.
 */
export async function readValid<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  requireJson(request);
  return requireValid(check(schema, parseJsonBody(await readBytes(request, MAX_EVENT_BYTES))));
}

/** @throws {Refusal} 415 unless the request's `Content-Type` is JSON. */
export function requireJson(request: Request): void {
  const mediaType = (request.headers.get("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") throw new Refusal("unsupported_media_type");
}

/** Parses JSON in UTF-8. @throws {Refusal} 400. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    const detail = error instanceof SyntaxError ? error.message : "The body is not UTF-8.";
    throw new Refusal("malformed_json", { detail });
  }
}

/**
 * Reads a body of at most `maxBytes`. Without a `Content-Length`, counts the bytes as they arrive.
 * @throws {Refusal} 413.
 */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new Refusal("body_too_large", { detail: `At most ${maxBytes} bytes.` });
  const announced = Number(request.headers.get("Content-Length") ?? Number.NaN);
  if (announced > maxBytes) throw tooLarge();
  if (announced <= maxBytes) {
    // The connection delivers no more than the announced length (RFC 9112, section 6.2).
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.byteLength > maxBytes) throw tooLarge();
    return bytes;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
