import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { animatedWebp } from "../../browser/support/animated-webp.ts";

/** The README's film of the demo. */

const picture = readFileSync(join(import.meta.dirname, "../../../src/site/demo/demo.webp"));

/** Returns the name and the content of each chunk. */
function chunksOf(webp: Buffer): [name: string, content: Buffer][] {
  const chunks: [string, Buffer][] = [];
  for (let at = 12; at < webp.length; ) {
    const size = webp.readUInt32LE(at + 4);
    chunks.push([webp.toString("latin1", at, at + 4), webp.subarray(at + 8, at + 8 + size)]);
    at += 8 + size + (size % 2);
  }
  return chunks;
}

test("is an animation of at most 300 KB whose frames lie inside it", () => {
  expect(picture.length).toBeLessThanOrEqual(300 * 1024);
  expect(picture.readUInt32LE(4)).toBe(picture.length - 8);
  const [[first, header] = ["", Buffer.alloc(0)], ...others] = chunksOf(picture);
  expect(first).toBe("VP8X");
  const [width, height] = [header.readUIntLE(4, 3) + 1, header.readUIntLE(7, 3) + 1];
  const frames = others.filter(([name]) => name === "ANMF").map(([, content]) => content);
  expect(frames.length).toBeGreaterThan(10);
  for (const frame of frames) {
    expect(frame.readUIntLE(0, 3) * 2 + frame.readUIntLE(6, 3) + 1).toBeLessThanOrEqual(width);
    expect(frame.readUIntLE(3, 3) * 2 + frame.readUIntLE(9, 3) + 1).toBeLessThanOrEqual(height);
  }
});

test("is written from still pictures, of which only the pixels are taken", () => {
  const still = Buffer.concat([Buffer.from("RIFF\x14\0\0\0WEBPVP8L\x03\0\0\0", "latin1"), Buffer.from([1, 2, 3, 0])]);
  const frame = { image: still, x: 4, y: 6, width: 10, height: 20, durationMs: 500 };
  const [, animation, written] = chunksOf(animatedWebp(100, 50, [frame]));
  expect(animation?.[0]).toBe("ANIM");
  expect(written?.[0]).toBe("ANMF");
  expect([...(written?.[1] ?? [])]).toEqual(
    [2, 0, 0, 3, 0, 0, 9, 0, 0, 19, 0, 0, 0xf4, 1, 0, 2].concat([...Buffer.from("VP8L\x03\0\0\0"), 1, 2, 3, 0]),
  );
  expect(() => animatedWebp(100, 50, [{ ...frame, image: Buffer.from("RIFF\0\0\0\0WEBP") }])).toThrow(
    "not a WebP file",
  );
});
