import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { startChromium } from "./chromium.ts";
import { type Credentials, type DemoOptions, DemoPage } from "./demo-page.ts";
import { type DevService, startDevService } from "./dev-service.ts";

/** Starting `npm run dev` builds the site. */
export const SETUP_TIMEOUT_MS = 120_000;

/** A service per test file, started with `npm run dev`, and the demo pages that a test opens. */
export class DemoFixture {
  service!: DevService;
  browser!: Browser;
  readonly #opened: DemoPage[] = [];

  /** Opens the demo. @param credentials Those that `npm run dev` prints, by default. */
  async open(credentials: Credentials = this.service.credentials, options: DemoOptions = {}): Promise<DemoPage> {
    const demo = await DemoPage.open(this.browser, this.service.url, credentials, options);
    this.#opened.push(demo);
    return demo;
  }

  async closePages(): Promise<void> {
    for (const demo of this.#opened.splice(0)) await demo.close();
  }
}

/** Registers the hooks of a test file or of a group of tests. */
export function setUpDemo(): DemoFixture {
  const fixture = new DemoFixture();
  beforeAll(async () => {
    [fixture.service, fixture.browser] = await Promise.all([startDevService(), startChromium()]);
  }, SETUP_TIMEOUT_MS);
  afterEach(() => fixture.closePages());
  afterAll(async () => {
    await fixture.browser?.close();
    await fixture.service?.stop();
  }, SETUP_TIMEOUT_MS);
  return fixture;
}
