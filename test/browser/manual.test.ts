import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { PAGES, REFERENCES } from "../../src/site/manual/chapters.ts";
import { seriousViolations } from "./support/accessibility.ts";
import { hasChromium, startChromium } from "./support/chromium.ts";
import { type DevService, startDevService } from "./support/dev-service.ts";

/** The manual as `npm run dev` serves it, in a real Chromium. */

const SETUP_TIMEOUT_MS = 120_000;
const SCREENSHOTS = join(import.meta.dirname, "artefacts");
const PATHS = ["/docs", ...PAGES.map((page) => `/docs/${page}`)];
const NARROW = { viewport: { width: 320, height: 640 } };
const WIDE = { viewport: { width: 1440, height: 900 } };

/** Runs in the page. Returns the text of commands and JSON that scroll, and of headings whose link has its own line. */
const CUT_OR_ALONE = `(() => {
  const cut = [...document.querySelectorAll(".code pre")].filter((block) => block.scrollWidth > block.clientWidth);
  const alone = [...document.querySelectorAll(".anchor")].filter((anchor) => {
    const before = document.createRange();
    before.setStart(anchor.parentElement, 0);
    before.setEndBefore(anchor);
    const text = [...before.getClientRects()].filter(({ width }) => width > 8).at(-1);
    return anchor.getBoundingClientRect().top > text.bottom;
  });
  return [...cut, ...alone.map(({ parentElement }) => parentElement)].map((element) => element.textContent);
})()`;

describe.skipIf(!hasChromium("the manual"))("the manual", () => {
  let service: DevService;
  let browser: Browser;
  /** Opens a page, and fails if it reports an error. */
  const withPage = async (options: BrowserContextOptions, use: (page: Page) => Promise<void>) => {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await use(page).finally(() => context.close());
    expect(errors).toEqual([]);
  };

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    [service, browser] = await Promise.all([startDevService(), startChromium()]);
  }, SETUP_TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  }, SETUP_TIMEOUT_MS);

  test.each([
    { width: "narrow", scheme: "light" },
    { width: "narrow", scheme: "dark" },
    { width: "wide", scheme: "light" },
    { width: "wide", scheme: "dark" },
  ] as const)("every page is accessible and fits a $width screen, $scheme", async ({ width, scheme }) => {
    await withPage({ ...(width === "narrow" ? NARROW : WIDE), colorScheme: scheme }, async (page) => {
      const findings: string[] = [];
      const check = async (what: string) => {
        for (const violation of await seriousViolations(page)) findings.push(`${what}: ${violation}`);
        const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
        if (overflow !== 0) findings.push(`${what}: ${overflow} px too wide`);
      };
      for (const path of PATHS) {
        await page.goto(service.url + path);
        await check(path);
        const name = path.slice(1).replace("/", "-");
        if (/docs$|tokens|api|events/.test(path)) {
          await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${scheme}.png`) });
        }
      }
      await page.fill("input[type=search]", "token");
      await page.waitForSelector(".results a");
      await check("search");
      expect(findings).toEqual([]);
    });
  });

  test("its references fit every width between", async () => {
    await withPage(NARROW, async (page) => {
      const tooWide: string[] = [];
      for (const reference of REFERENCES) {
        await page.goto(`${service.url}/docs/${reference}`);
        for (let width = NARROW.viewport.width; width <= WIDE.viewport.width; width += 40) {
          await page.setViewportSize({ width, height: 800 });
          const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
          if (overflow !== 0) tooWide.push(`${reference} at ${width} px: ${overflow}`);
        }
      }
      expect(tooWide).toEqual([]);
    });
  });

  test("its references cut no command on a phone, and leave no heading's link alone on a line", async () => {
    await withPage(NARROW, async (page) => {
      const findings: unknown[] = [];
      for (const reference of REFERENCES) {
        await page.goto(`${service.url}/docs/${reference}`);
        for (let width = NARROW.viewport.width; width <= 440; width += 10) {
          await page.setViewportSize({ width, height: 800 });
          findings.push(...z.array(z.string()).parse(await page.evaluate(CUT_OR_ALONE)));
        }
      }
      expect(findings).toEqual([]);
    });
  });

  test("shows the current page in a list of contents that scrolls", async () => {
    await withPage({ viewport: { width: 1280, height: 500 } }, async (page) => {
      await page.goto(`${service.url}/docs/events`);
      const [contents, current] = await Promise.all(
        ["#contents", "#contents [aria-current]"].map((part) => page.locator(part).boundingBox()),
      );
      expect(current?.y).toBeGreaterThanOrEqual(Number(contents?.y));
      expect(current?.y).toBeLessThan(Number(contents?.y) + Number(contents?.height));
    });
  });

  test("is complete without JavaScript, and shows no control that would do nothing", async () => {
    await withPage({ ...NARROW, javaScriptEnabled: false }, async (page) => {
      await page.goto(`${service.url}/docs/protocol`);
      expect(await page.textContent("h1")).toBe("Protocol reference");
      expect(await page.locator("button:visible, input:visible").count()).toBe(0);
      await page.click("text=Contents");
      await page.click("#contents >> text=Redis");
      expect(await page.textContent("h1")).toBe("Redis");
    });
  });

  test("finds a section by its words", async () => {
    await withPage(WIDE, async (page) => {
      await page.goto(`${service.url}/docs`);
      await page.keyboard.press("/");
      await page.keyboard.type("close codes");
      await page.click(".results a >> nth=0");
      await page.waitForURL("**/docs/protocol#close-codes");
      await page.fill("input[type=search]", "event");
      await page.waitForSelector(".results p:has-text('The best 12 of ')");
      expect(await page.locator(".results li").count()).toBe(12);
      await page.fill("input[type=search]", "no-such-word");
      await page.waitForSelector("text=Nothing found for “no-such-word”. Try fewer or other words.");
    });
  });

  test("copies an example", async () => {
    await withPage({ ...WIDE, permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
      await page.goto(`${service.url}/docs/quick-start`);
      await page.click(".code button >> nth=0");
      await page.waitForSelector(".code button:has-text('Copied')");
      expect(await page.evaluate("navigator.clipboard.readText()")).toBe("npm ci && npm run dev");
    });
  });

  test("keeps the theme that was chosen", async () => {
    await withPage({ ...WIDE, colorScheme: "light" }, async (page) => {
      await page.goto(`${service.url}/docs`);
      for (const theme of ["light", "dark"]) {
        await page.click("button.theme");
        await page.waitForSelector(`html[data-theme=${theme}]`);
      }
      await page.goto(`${service.url}/docs/tokens`);
      expect(await page.getAttribute("html", "data-theme")).toBe("dark");
    });
  });

  test("has the security headers of static files", async () => {
    for (const path of PATHS) {
      const { status, headers } = await fetch(service.url + path);
      expect([path, status, headers.get("X-Content-Type-Options")]).toEqual([path, 200, "nosniff"]);
      expect(headers.get("Content-Security-Policy")).toMatch(/^default-src 'self'; .*frame-ancestors 'none'$/);
    }
  });
});
