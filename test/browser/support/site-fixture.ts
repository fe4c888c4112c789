import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import type { BrowserKind, Profile, Tab } from "./browsers.ts";
import { CHROMIUM } from "./chromium.ts";
import { openSiteIn, type Site, type SiteOptions } from "./site.ts";

/** A service and a site per test file, and a browser profile per test. */
export class SiteFixture<T extends Tab = Page, P extends Profile = BrowserContext> {
  service!: Workerd;
  site!: Site<T, P>;
  profile!: P;
}

/**
 * Registers the hooks of a test file, whose pages open in Chromium.
 * @param pages The pages of the site.
 * @param options Site options that depend on the service.
 */
export function setUpSite(pages: string[], options?: (service: Workerd) => SiteOptions): SiteFixture {
  return setUpSiteIn(CHROMIUM, pages, options);
}

/** The same in any browser. */
export function setUpSiteIn<T extends Tab, P extends Profile<T>>(
  kind: BrowserKind<T, P>,
  pages: string[],
  options: (service: Workerd) => SiteOptions = () => ({}),
): SiteFixture<T, P> {
  const fixture = new SiteFixture<T, P>();
  beforeAll(async () => {
    fixture.service = await startTidings({ BACKEND_CORS_ORIGINS: "*" });
    fixture.site = await openSiteIn(kind, pages, options(fixture.service));
  });
  afterAll(() => Promise.all([fixture.service?.stop(), fixture.site?.stop()]));
  beforeEach(async () => {
    fixture.profile = await fixture.site.newProfile();
  });
  afterEach(() => fixture.profile?.close());
  return fixture;
}
