import { writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import * as z from "zod";
import { animatedWebp, type WebpFrame } from "./support/animated-webp.ts";
import { startChromium } from "./support/chromium.ts";
import { DemoPage } from "./support/demo-page.ts";
import { startDevService } from "./support/dev-service.ts";

/** Films the demo's reliability drill for the README: `node test/browser/demo-picture.ts`. */

const FILE = resolve(import.meta.dirname, "../../src/site/demo/demo.webp");
const MAX_BYTES = 300 * 1024;
const SCREEN = { width: 960, height: 680 };
/** The heading and the drill, without the page's header. */
const CLIP = { x: 0, y: 106, width: 960, height: 546 };
const FRAME_MS = 500;
const BEFORE_MS = 2400;
const AFTER_MS = 2400;
/** The last picture stays long enough to be read. */
const LAST_FRAME_MS = 4000;

/** Values change without a flash, and nothing blinks: fewer pixels differ between two pictures. */
const STILL =
  "*, *::before, *::after { animation: none !important; transition: none !important; caret-color: transparent; }";

interface Shot {
  png: Buffer;
  at: number;
}

async function film(browser: Browser): Promise<Shot[]> {
  const service = await startDevService();
  try {
    const options = { viewport: SCREEN, colorScheme: "light", areShoppersOn: true, bypassCSP: true } as const;
    const demo = await DemoPage.open(browser, service.url, service.credentials, options);
    await demo.page.addStyleTag({ content: STILL });
    await demo.waitUntilLive("products", "order");
    await wait(12_000);
    const shots: Shot[] = [];
    const shootFor = async (isDone: () => Promise<boolean>) => {
      do {
        const at = performance.now();
        shots.push({ png: await demo.page.screenshot({ clip: CLIP }), at });
        await wait(Math.max(0, FRAME_MS - (performance.now() - at)));
      } while (!(await isDone()));
    };
    const after = (ms: number) => {
      const end = performance.now() + ms;
      return async () => performance.now() > end;
    };
    await shootFor(after(BEFORE_MS));
    await demo.page.click("text=Break the connection");
    await demo.page.mouse.move(0, 0);
    await shootFor(() => demo.page.locator('.drill[data-stage="recovered"]').isVisible());
    await shootFor(after(AFTER_MS));
    await demo.close();
    return shots;
  } finally {
    await service.stop();
  }
}

/** Runs in the page. Returns the part of a picture that differs from the one before, as a WebP file: lossless or not, whichever is smaller. */
const CHANGED_PART = `async ([before, after]) => {
  const pixels = async (base64) => {
    const bitmap = await createImageBitmap(await (await fetch("data:image/png;base64," + base64)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    return { bitmap, data: new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer) };
  };
  const { bitmap, data } = await pixels(after);
  let [left, top, right, bottom] = [0, 0, bitmap.width, bitmap.height];
  if (before !== null) {
    const { data: old } = await pixels(before);
    [left, top, right, bottom] = [bitmap.width, bitmap.height, 2, 2];
    data.forEach((pixel, i) => {
      if (pixel === old[i]) return;
      const [x, y] = [i % bitmap.width, Math.floor(i / bitmap.width)];
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
    });
    [left, top] = [Math.min(left, right - 2) & ~1, Math.min(top, bottom - 2) & ~1];
  }
  const [width, height] = [right - left, bottom - top];
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(bitmap, -left, -top);
  const blobs = await Promise.all([1, 0.85].map((quality) => canvas.convertToBlob({ type: "image/webp", quality })));
  const [blob] = blobs.sort((a, b) => a.size - b.size);
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return { x: left, y: top, width, height, image: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
}`;

const partSchema = z.object({ x: z.int(), y: z.int(), width: z.int(), height: z.int(), image: z.base64() });

async function frame(page: Page, shots: readonly Shot[], i: number): Promise<WebpFrame> {
  const [before, shot, next] = [shots[i - 1], shots[i], shots[i + 1]];
  if (!shot) throw new Error(`There is no picture ${i}`);
  const pair = JSON.stringify([before?.png.toString("base64") ?? null, shot.png.toString("base64")]);
  const { image, ...place } = partSchema.parse(await page.evaluate(`(${CHANGED_PART})(${pair})`));
  const durationMs = next ? Math.round(next.at - shot.at) : LAST_FRAME_MS;
  return { ...place, image: Buffer.from(image, "base64"), durationMs };
}

const browser = await startChromium();
try {
  const shots = await film(browser);
  const page = await browser.newPage();
  const frames: WebpFrame[] = [];
  for (let i = 0; i < shots.length; i++) frames.push(await frame(page, shots, i));
  const picture = animatedWebp(CLIP.width, CLIP.height, frames);
  if (picture.length > MAX_BYTES) throw new Error(`The picture has ${picture.length} bytes, more than ${MAX_BYTES}`);
  writeFileSync(FILE, picture);
  console.log(`${relative(process.cwd(), FILE)}: ${frames.length} frames, ${Math.round(picture.length / 1024)} KB`);
} finally {
  await browser.close();
}
