import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { Tuning } from "../../../src/sdk/connection/tuning.ts";
import { registerOrderAt } from "../../support/node-client.ts";
import { mintToken } from "../../support/tokens.ts";
import type { BrowserKind, Profile, Tab } from "./browsers.ts";
import { ContinuousPublisher } from "./continuous-publisher.ts";
import { type Environment, startEnvironment } from "./environment.ts";
import { expectNoneMissed } from "./page-record.ts";
import { type SitePage, waitUntilLive } from "./site.ts";

/** An environment per test file and an order per test, with the order's page and publisher. */
export class RecoveryFixture<T extends Tab> {
  environment!: Environment<T>;
  order!: string;
  page!: SitePage<T>;
  publisher!: ContinuousPublisher;

  /** Opens the order's page, waits until it is live and starts to publish. */
  async open(options: { profile?: Profile<T>; tuning?: Partial<Tuning> } = {}): Promise<void> {
    const { browser, site, url, service } = this.environment;
    const { profile = browser.profile, tuning = {} } = options;
    const settings = { url, order: this.order, tuning: JSON.stringify(tuning) };
    this.page = await site.open(profile, "recovery", settings);
    await waitUntilLive(this.page);
    this.publisher = new ContinuousPublisher(service.url, this.order);
    await this.publisher.untilPublished(20);
  }

  /** Stops publishing and expects the page to have received every event. */
  async expectNoneMissed(timeoutMs?: number) {
    return expectNoneMissed(this.page, await this.publisher.stop(), timeoutMs);
  }
}

/** Registers the hooks of a test file. Each test starts with a working environment and must end without page errors. */
export function setUpRecovery<T extends Tab>(kind: BrowserKind<T>): RecoveryFixture<T> {
  const fixture = new RecoveryFixture<T>();
  beforeAll(async () => {
    fixture.environment = await startEnvironment(kind);
  });
  afterAll(() => fixture.environment?.stop());
  beforeEach(async () => {
    fixture.environment.site.token = mintToken;
    fixture.order = await registerOrderAt(fixture.environment.service.url);
  });
  afterEach(async () => {
    const { network, browser, site } = fixture.environment;
    network.isDead = false;
    network.bytesPerSecond = null;
    browser.signal("SIGCONT");
    await browser.profile.setOffline(false);
    await fixture.publisher?.stop();
    for (const tab of browser.profile.pages()) if (tab.url() !== "about:blank") await tab.close();
    expect(site.takeErrors()).toEqual([]);
  });
  return fixture;
}
