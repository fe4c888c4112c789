import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { hasChromium } from "./support/chromium.ts";
import { setUpDemo } from "./support/demo-fixture.ts";
import { type DemoOptions, VIEWS } from "./support/demo-page.ts";

/** How the demo page looks and loads: on phones and desktops, light and dark, for everyone. */

/** Sum of layout shift scores. Only changing digits may shift; below 0.1 counts as good (https://web.dev/articles/cls). */
const MAX_LAYOUT_SHIFT = 0.002;
const SCREENSHOTS = join(import.meta.dirname, "artefacts");
/** Compressed, calls of the first event included. */
const MAX_TRANSFERRED_KB = 110;
/** The profile that Lighthouse calls "slow 4G" (https://github.com/GoogleChrome/lighthouse, docs/throttling.md). */
const SLOW_4G = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };
const SLOW_PHONE_CPU = 4;
const PHONE = { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const DESKTOP = { viewport: { width: 1280, height: 860 } };
/** Widths on both sides of every breakpoint. */
const WIDTHS = [320, 375, 479, 480, 599, 600, 699, 700, 859, 860, 1024, 1440];

describe.skipIf(!hasChromium("the demo page's layout"))("the demo page", () => {
  const fixture = setUpDemo();
  const open = (options: DemoOptions = {}) => fixture.open(fixture.service.credentials, options);

  beforeAll(() => mkdirSync(SCREENSHOTS, { recursive: true }));

  describe.each([
    ["phone", PHONE],
    ["desktop", DESKTOP],
  ] as const)("on a %s", (device, size) => {
    test.each(["light", "dark"] as const)("every view is accessible with every panel open, %s", async (scheme) => {
      const demo = await open({ ...size, colorScheme: scheme, areShoppersOn: true });
      const { page } = demo;
      await demo.waitUntilLive("products", "order");
      const findings: string[] = [];
      for (const view of VIEWS) {
        await demo.show(view);
        // Rates need two points; more make a better screenshot.
        const points = device === "desktop" ? 5 : 2;
        if (view === "metrics") await page.waitForSelector(`.chart[data-points="${points}"]`);
        await page.screenshot({ path: join(SCREENSHOTS, `${view}-${device}-${scheme}.png`) });
        await demo.openPanels();
        for (const violation of await demo.seriousViolations()) findings.push(`${view}: ${violation}`);
      }
      expect(findings).toEqual([]);
      expect(demo.errors).toEqual([]);
    });
  });

  test("no view is wider than its screen, from 320 to 1,440 px, with every panel open", async () => {
    const demo = await open();
    const { page } = demo;
    await demo.waitUntilLive("products", "order");
    await page.click("text=Break the connection");
    await page.waitForSelector('.drill[data-stage="recovered"]');
    const tooWide: string[] = [];
    for (const view of VIEWS) {
      await demo.show(view);
      if (view === "publish") {
        await page.fill("textarea[name=data]", `{"product_id":"${"long".repeat(200)}"}`);
        await page.click(".publish-form button[type=submit]");
        await page.waitForSelector(".refusal");
      }
      await demo.openPanels();
      for (const tab of await demo.codeTabs()) {
        await tab?.click();
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 800 });
          const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
          if (overflow !== 0) tooWide.push(`${view} at ${width} px: ${overflow} px too wide`);
        }
        await page.setViewportSize(DESKTOP.viewport);
      }
    }
    expect(tooWide).toEqual([]);
  });

  test("is small, and shows its first event soon on a slow phone", async () => {
    let bytes = 0;
    const prepare = async (page: Page) => {
      const session = await page.context().newCDPSession(page);
      await session.send("Network.enable");
      await session.send("Network.emulateNetworkConditions", SLOW_4G);
      await session.send("Emulation.setCPUThrottlingRate", { rate: SLOW_PHONE_CPU });
      session.on("Network.loadingFinished", ({ encodedDataLength }) => {
        bytes += encodedDataLength;
      });
    };
    const { page } = await open({ ...PHONE, areShoppersOn: true, prepare });
    await page.waitForSelector(".latest .trip-time");
    const seconds = z.number().parse(await page.evaluate("performance.now()")) / 1000;
    console.log(
      `The demo transfers ${Math.round(bytes / 1024)} KB. On a slow phone (1.6 Mbit/s, 150 ms, CPU ÷ 4), the first event of this page arrives after ${seconds.toFixed(1)} s.`,
    );
    expect(bytes / 1024).toBeLessThan(MAX_TRANSFERRED_KB);
  });

  test.each([PHONE, DESKTOP])("the layout does not shift while it loads, $viewport.width px wide", async (size) => {
    const { page } = await open({ ...size, areShoppersOn: true });
    await page.waitForSelector('.pill[data-channel="order"][data-status="live"]');
    const shifts = await page.evaluate(`new Promise((resolve) => {
      const shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
          shifts.push({ value, what: sources.map(({ node }) => (node?.parentElement ?? node)?.outerHTML?.slice(0, 80)) });
        }
      }).observe({ type: "layout-shift", buffered: true });
      // Buffered entries arrive within two frames.
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(shifts))));
    })`);
    const sum = z
      .array(z.object({ value: z.number() }))
      .parse(shifts)
      .reduce((sum, { value }) => sum + value, 0);
    expect(sum, JSON.stringify(shifts)).toBeLessThan(MAX_LAYOUT_SHIFT);
  });
});
