import { setTimeout as wait } from "node:timers/promises";
import { expect, test as inNode } from "vitest";
import { DEFAULT_TUNING } from "../../src/sdk/connection/tuning.ts";
import { eventually } from "../support/eventually.ts";
import { CHROMIUM, hasChromium } from "./support/chromium.ts";
import { expectNoneMissed, recordOf } from "./support/page-record.ts";
import { setUpRecovery } from "./support/recovery-fixture.ts";
import { countOrderConnections } from "./support/service.ts";

/** What a real Chromium does to pages: it hides, freezes and caches them, and the laptop it runs on sleeps. */

const test = inNode.skipIf(!hasChromium("hidden, frozen and cached pages"));
const LAPTOP_SLEEP_MS = 30_000;

const fixture = setUpRecovery(CHROMIUM);
const countConnections = () => countOrderConnections(fixture.environment.service.url, fixture.order);
/** Opens a tab in front of the page. */
const openTabInFront = async () => {
  const { browser, site } = fixture.environment;
  const tab = await browser.profile.newPage();
  await tab.goto(`${site.url}/`);
  await untilRecorded("hidden");
  return tab;
};
const untilRecorded = (entry: string) => fixture.page.waitFor(({ lifecycle }) => expect(lifecycle).toContain(entry));

test("a background tab receives every event and reconnects by itself after its socket is cut", async () => {
  await fixture.open();
  const { page, publisher } = fixture;
  await openTabInFront();
  await publisher.untilPublished(20);
  await expectNoneMissed(page, publisher.lastSeq);
  fixture.environment.network.cut();
  await page.waitFor(({ sockets, status }) => {
    expect(sockets).toBe(2);
    expect(status).toBe("live");
  });
  await publisher.untilPublished(20);
  await page.page.bringToFront();
  await untilRecorded("visible");
  const { attempts, states } = await fixture.expectNoneMissed();
  expect(states).toEqual(["live", "recovering", "live"]);
  expect(attempts).toHaveLength(2);
});

test("a frozen tab holds no socket and recovers when it resumes", async () => {
  await fixture.open();
  const { page, publisher } = fixture;
  const otherTab = await openTabInFront();
  const devTools = await page.page.context().newCDPSession(page.page);
  await devTools.send("Page.setWebLifecycleState", { state: "frozen" });
  await eventually(async () => expect(await countConnections()).toBe(0));
  await publisher.untilPublished(100);
  await devTools.send("Page.setWebLifecycleState", { state: "active" });
  const { lifecycle, attempts } = await expectNoneMissed(page, publisher.lastSeq);
  expect(lifecycle.filter((entry) => entry !== "pageshow")).toEqual(["hidden", "freeze", "resume"]);
  expect(attempts).toHaveLength(2);
  await otherTab.close();
  await page.page.bringToFront();
  await untilRecorded("visible");
  await fixture.expectNoneMissed();
  expect((await recordOf(page)).attempts).toHaveLength(2);
});

test("a laptop that sleeps and wakes to a network without its connection", async () => {
  await fixture.open();
  const { environment, publisher } = fixture;
  environment.browser.signal("SIGSTOP");
  // Chromium reads these events when it wakes; they do not show that the socket is dead.
  await publisher.untilPublished(20);
  environment.network.isDead = true;
  await publisher.untilPublished(20);
  await wait(LAPTOP_SLEEP_MS);
  environment.network.isDead = false;
  environment.browser.signal("SIGCONT");
  // Only a heartbeat reveals the dead socket. After a wake, the SDK waits less than the usual timeout for its answer.
  const { attempts } = await fixture.expectNoneMissed(DEFAULT_TUNING.heartbeatTimeoutMs);
  expect(attempts).toHaveLength(2);
});

test("a page restored from the back-forward cache recovers", async () => {
  await fixture.open();
  const { page, publisher } = fixture;
  await page.page.goto(`${fixture.environment.site.url}/`);
  await eventually(async () => expect(await countConnections()).toBe(0));
  await publisher.untilPublished(100);
  await page.page.evaluate("history.back()");
  await expectNoneMissed(page, publisher.lastSeq);
  await publisher.untilPublished(20);
  const { attempts, navigationType, lifecycle } = await fixture.expectNoneMissed();
  expect(navigationType).toBe("navigate");
  expect(lifecycle).toEqual(expect.arrayContaining(["pagehide persisted", "pageshow persisted"]));
  expect(attempts).toHaveLength(2);
});

test("a page that is left and loaded again resumes from its position in sessionStorage", async () => {
  const { site } = fixture.environment;
  // Playwright's own Chromium has no back-forward cache.
  const profile = await site.newProfile();
  await fixture.open({ profile });
  const { page, publisher } = fixture;
  for (let i = 0; i < 3; i++) {
    await page.page.goto(`${site.url}/`);
    await eventually(async () => expect(await countConnections()).toBe(0));
    await publisher.untilPublished(20);
    await page.page.goBack();
    await expectNoneMissed(page, publisher.lastSeq);
  }
  const { attempts, navigationType, states } = await fixture.expectNoneMissed();
  expect(navigationType).toBe("back_forward");
  expect(attempts).toHaveLength(1);
  expect(states.at(-1)).toBe("live");
  await profile.close();
});
