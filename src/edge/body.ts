import { Refusal } from "./errors.ts";

/**
 * Reads a JSON body of at most `maxBytes`, counting what arrives instead of believing `Content-Length`.
 * @throws {Refusal} 415, 413 or 400.
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const mediaType = (request.headers.get("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") throw new Refusal("unsupported_media_type");
  const bytes = await readBytes(request, maxBytes);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (error) {
    throw new Refusal("malformed_json", { detail: error instanceof SyntaxError ? error.message : "It is not UTF-8." });
  }
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = new Refusal("body_too_large", { detail: `At most ${maxBytes} bytes.` });
  if (Number(request.headers.get("Content-Length") ?? 0) > maxBytes) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLarge;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
