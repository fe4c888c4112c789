import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { registerOrderAt } from "../../support/node-client.ts";
import { mintToken } from "../../support/tokens.ts";
import { ContinuousPublisher } from "./continuous-publisher.ts";
import { type Environment, startEnvironment } from "./environment.ts";
import { expectNoneMissed } from "./page-record.ts";
import { type SitePage, waitUntilLive } from "./site.ts";

/** An environment per test file and an order per test, with the order's page and publisher. */
export class RecoveryFixture {
  environment!: Environment;
  order!: string;
  page!: SitePage;
  publisher!: ContinuousPublisher;

  /** Opens the order's page, waits until it is live and starts to publish. */
  async open({ profile = this.environment.chromium.profile, tuning = {} } = {}): Promise<void> {
    const { site, url, service } = this.environment;
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
export function setUpRecovery(): RecoveryFixture {
  const fixture = new RecoveryFixture();
  beforeAll(async () => {
    fixture.environment = await startEnvironment();
  });
  afterAll(() => fixture.environment?.stop());
  beforeEach(async () => {
    fixture.environment.site.token = mintToken;
    fixture.order = await registerOrderAt(fixture.environment.service.url);
  });
  afterEach(async () => {
    const { network, chromium, site } = fixture.environment;
    network.isDead = false;
    chromium.signal("SIGCONT");
    await fixture.publisher?.stop();
    for (const tab of chromium.profile.pages()) if (tab.url() !== "about:blank") await tab.close();
    expect(site.takeErrors()).toEqual([]);
  });
  return fixture;
}
