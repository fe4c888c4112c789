/** Writes animated WebP files (https://developers.google.com/speed/webp/docs/riff_container) from still ones. */

export interface WebpFrame {
  /** A still WebP file. */
  image: Buffer;
  /** Where the image is drawn over the frame before, in even pixels. */
  x: number;
  y: number;
  width: number;
  height: number;
  durationMs: number;
}

const HAS_ANIMATION = 0b0000_0010;
const DO_NOT_BLEND = 0b0000_0010;
const FOR_EVER = 0;

export function animatedWebp(width: number, height: number, frames: readonly WebpFrame[]): Buffer {
  const header = chunk("VP8X", [bytes(HAS_ANIMATION, 4), bytes(width - 1, 3), bytes(height - 1, 3)]);
  const animation = chunk("ANIM", [bytes(0xffffffff, 4), bytes(FOR_EVER, 2)]);
  const content = Buffer.concat([Buffer.from("WEBP"), header, animation, ...frames.map(frameChunk)]);
  return Buffer.concat([Buffer.from("RIFF"), bytes(content.length, 4), content]);
}

function frameChunk({ image, x, y, width, height, durationMs }: WebpFrame): Buffer {
  const place = [bytes(x / 2, 3), bytes(y / 2, 3), bytes(width - 1, 3), bytes(height - 1, 3)];
  return chunk("ANMF", [...place, bytes(durationMs, 3), bytes(DO_NOT_BLEND, 1), bitstream(image)]);
}

/** Returns the chunk of a still file that holds its pixels, lossy or lossless. */
function bitstream(image: Buffer): Buffer {
  for (let at = 12; at < image.length; ) {
    const name = image.toString("latin1", at, at + 4);
    const size = image.readUInt32LE(at + 4);
    const end = at + 8 + size + (size % 2);
    if (name === "VP8 " || name === "VP8L") return image.subarray(at, end);
    at = end;
  }
  throw new Error("The image is not a WebP file");
}

function chunk(name: string, parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const padding = Buffer.alloc(content.length % 2);
  return Buffer.concat([Buffer.from(name), bytes(content.length, 4), content, padding]);
}

/** Returns a whole number, little-endian. */
function bytes(value: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  buffer.writeUIntLE(value, 0, length);
  return buffer;
}
