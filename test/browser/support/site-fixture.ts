import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { openSite, type Site, type SiteOptions } from "./site.ts";

/** A service and a site per test file, and a browser profile per test. */
export class SiteFixture {
  service!: Workerd;
  site!: Site;
  profile!: BrowserContext;
}

/**
 * Registers the hooks of a test file.
 * @param pages The pages of the site.
 * @param options Site options that depend on the service.
 */
export function setUpSite(pages: string[], options: (service: Workerd) => SiteOptions = () => ({})): SiteFixture {
  const fixture = new SiteFixture();
  beforeAll(async () => {
    fixture.service = await startTidings({ BACKEND_CORS_ORIGINS: "*" });
    fixture.site = await openSite(pages, options(fixture.service));
  });
  afterAll(() => Promise.all([fixture.service?.stop(), fixture.site?.stop()]));
  beforeEach(async () => {
    fixture.profile = await fixture.site.newProfile();
  });
  afterEach(() => fixture.profile?.close());
  return fixture;
}
