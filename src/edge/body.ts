import type * as z from "zod";
import { parseExactJson } from "../protocol/exact-json.ts";
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

/** @throws {Refusal} 415 unless the body declares itself as JSON in UTF-8, without a content coding. */
export function requireJson({ headers }: Request): void {
  const [mediaType, ...parameters] = (headers.get("Content-Type") ?? "").toLowerCase().split(";").map(trim);
  if (mediaType !== "application/json") {
    throw new Refusal("unsupported_media_type", { headers: { Accept: "application/json" } });
  }
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  if (charset !== undefined && !["utf-8", "utf8"].includes(charset.replaceAll('"', ""))) {
    // JSON is exchanged in UTF-8 (RFC 8259, section 8.1).
    throw new Refusal("unsupported_media_type", {
      detail: "The body must be UTF-8.",
      headers: { Accept: "application/json" },
    });
  }
  const codings = (headers.get("Content-Encoding") ?? "").toLowerCase().split(",").map(trim);
  if (codings.some((coding) => coding !== "" && coding !== "identity")) {
    throw new Refusal("unsupported_encoding", { headers: { "Accept-Encoding": "identity" } });
  }
}

const trim = (text: string) => text.trim();

/** Parses JSON in UTF-8. @throws {Refusal} 400. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  try {
    return parseExactJson(decoder.decode(bytes));
  } catch (error) {
    const detail = error instanceof SyntaxError ? error.message : "The body is not UTF-8.";
    throw new Refusal("malformed_json", { detail });
  }
}

/**
 * Reads a body of at most `maxBytes`. Counts bytes as they arrive if no length was announced.
 * @throws {Refusal} 413, or 400 for a body that ends before its announced end.
 */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(request.headers.get("Content-Length") ?? Number.NaN);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  // The connection delivers no more than was announced (RFC 9112, section 6.2).
  const reading = announced <= maxBytes ? request.bytes() : readAtMost(request.body, maxBytes);
  const bytes = await reading.catch(() => {
    // The caller or its network failed, not the service.
    throw new Refusal("malformed_json", { detail: "The body ended early." });
  });
  if (bytes === null || bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

/** Reads a stream to its end, and counts as it arrives. @returns null when it is longer than `maxBytes`. */
export async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

const tooLarge = (maxBytes: number) => new Refusal("body_too_large", { detail: `At most ${maxBytes} bytes.` });
