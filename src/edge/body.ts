import { Refusal } from "./errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Reads a JSON body of at most `maxBytes`, counting what arrives when nothing says how much will.
 * @throws {Refusal} 415, 413 or 400.
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  requireJson(request);
  return parseJson(await readBytes(request, maxBytes));
}

/** @throws {Refusal} 415 when the body says that it is no JSON. */
export function requireJson(request: Request): void {
  const mediaType = (request.headers.get("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") throw new Refusal("unsupported_media_type");
}

/** @throws {Refusal} 400. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new Refusal("malformed_json", { detail: error instanceof SyntaxError ? error.message : "It is not UTF-8." });
  }
}

/** A body as it came, of at most `maxBytes`. @throws {Refusal} 413. */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new Refusal("body_too_large", { detail: `At most ${maxBytes} bytes.` });
  const announced = Number(request.headers.get("Content-Length") ?? Number.NaN);
  if (announced > maxBytes) throw tooLarge();
  if (announced <= maxBytes) {
    // The connection carries no more than was announced (RFC 9112, section 6.2).
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
