import { setTimeout as wait } from "node:timers/promises";
import { expect, test as inNode } from "vitest";
import { publishAt } from "../../sdk/support/listener.ts";
import { eventually } from "../../support/eventually.ts";
import { callService } from "../../support/node-client.ts";
import { mintToken } from "../../support/tokens.ts";
import type { BrowserKind } from "./browsers.ts";
import { expectNoneMissed, recordOf } from "./page-record.ts";
import { setUpRecovery } from "./recovery-fixture.ts";
import { waitUntilLive } from "./site.ts";

/** A page in a real browser while the service, the network or its token fails. */

const OFFLINE_MS = 30_000;
const BREAKS = 50;
/** 240 KB, for which this link needs 16 seconds. */
const MISSED_EVENTS = 60;
const MISSED_EVENT_BYTES = 4000;
const SLOW_BYTES_PER_SECOND = 15_000;
const SHOWN_EVERY_MS = 3000;
/** Covers the SDK's default heartbeat, heartbeat timeout, connect timeout and back-off. */
const SILENCE_MS = 60_000;

/** Declares the tests in one browser. Each browser has a file of its own, so that they run side by side. */
export function describeRecovery(kind: BrowserKind): void {
  const test = inNode.skipIf(!kind.isInstalled("a page whose service, network or token fails"));
  const fixture = setUpRecovery(kind);

  test("the service is killed and restarted", async () => {
    await fixture.open();
    const { environment, page, publisher } = fixture;
    const attemptsBefore = (await recordOf(page)).attempts.length;
    await environment.service.kill();
    const killedAt = Date.now();
    await eventually(async () => {
      expect((await recordOf(page)).attempts.length).toBeGreaterThanOrEqual(attemptsBefore + 2);
    });
    await environment.service.restart();
    const downMs = Date.now() - killedAt;
    await publisher.untilPublished(20);
    await waitUntilLive(page);
    const { attempts, states } = await fixture.expectNoneMissed();
    expect(states).toEqual(["live", "recovering", "live"]);
    // At most one attempt per second, besides the first and the successful one.
    expect(attempts.length - attemptsBefore).toBeLessThanOrEqual(2 + Math.ceil(downMs / 1000));
  });

  test("thirty seconds offline", async () => {
    await fixture.open();
    const { environment, page, publisher } = fixture;
    // First, because the SDK probes an open socket when the browser reports that it is offline, and stays live if it works.
    environment.network.isDead = true;
    await environment.browser.profile.setOffline(true);
    await page.waitFor(({ status }) => expect(status).toBe("offline"));
    await wait(OFFLINE_MS);
    await publisher.untilPublished(20);
    environment.network.isDead = false;
    await environment.browser.profile.setOffline(false);
    await publisher.untilPublished(20);
    const { attempts, states } = await fixture.expectNoneMissed();
    await waitUntilLive(page);
    expect(states.filter((state) => state !== "recovering")).toEqual(["live", "offline", "live"]);
    expect(attempts.filter(({ isOnline }) => !isOnline).length).toBeLessThanOrEqual(1);
    expect(attempts.length).toBeLessThanOrEqual(3);
  });

  test("a network that goes silent without closing the socket", async () => {
    await fixture.open();
    const { environment, page, publisher } = fixture;
    environment.network.isDead = true;
    await publisher.untilPublished(20);
    await page.waitFor(({ status }) => expect(status).toBe("recovering"), SILENCE_MS);
    environment.network.isDead = false;
    await publisher.untilPublished(20);
    const { attempts, states } = await fixture.expectNoneMissed(SILENCE_MS);
    expect(states.slice(0, 2)).toEqual(["live", "recovering"]);
    expect(attempts.length).toBeLessThanOrEqual(3);
  });

  test(`${BREAKS} broken connections in a row`, async () => {
    await fixture.open({ tuning: { firstBackoffMs: 200, maxBackoffMs: 200, minRetryMs: 50 } });
    const { environment, page } = fixture;
    for (let i = 0; i < BREAKS; i++) {
      const { length } = (await recordOf(page)).attempts;
      if (i % 2 === 0) environment.network.cut();
      else await page.call("closeRawSocket()");
      await page.waitFor(({ sockets, status }) => {
        expect(sockets).toBeGreaterThan(length);
        expect(status).toBe("live");
      });
    }
    const { attempts } = await fixture.expectNoneMissed();
    expect(attempts.length).toBe(BREAKS + 1);
  });

  test("a slow link delivers a long replay while the page is shown again and again", async () => {
    await fixture.open();
    const { environment, order, page, publisher } = fixture;
    const { length: attemptsBefore } = (await recordOf(page)).attempts;
    await publisher.stop();
    environment.network.isDead = true;
    environment.network.cut();
    let lastSeq = 0;
    for (let i = 0; i < MISSED_EVENTS; i++) {
      const data = { note: "x".repeat(MISSED_EVENT_BYTES) };
      lastSeq = await publishAt(environment.service.url, `orders/${order}`, "order_shipped", data);
    }
    environment.network.bytesPerSecond = SLOW_BYTES_PER_SECOND;
    environment.network.isDead = false;
    const start = Date.now();
    await eventually(async () => {
      // Each time, the SDK expects a quick sign of life, which is queued behind the replay.
      await page.page.evaluate("void document.dispatchEvent(new Event('visibilitychange'))");
      await wait(SHOWN_EVERY_MS);
      expect((await recordOf(page)).seqs).toContain(lastSeq);
    }, 90_000);
    const { attempts } = await expectNoneMissed(page, lastSeq);
    console.log(`${MISSED_EVENTS} events over a slow link: ${Date.now() - start} ms`);
    expect(attempts.length - attemptsBefore).toBeLessThanOrEqual(5);
  });

  test("tokens that expire after four seconds are renewed on the same socket", async () => {
    const { environment } = fixture;
    const expiries: number[] = [];
    environment.site.token = () => {
      expiries.push(Date.now() + 4000);
      return mintToken({ expiresIn: 4 });
    };
    await fixture.open();
    await eventually(() => expect(expiries.length).toBeGreaterThanOrEqual(4), 30_000);
    await eventually(() => expect(Date.now()).toBeGreaterThan(Number(expiries[1])));
    await fixture.publisher.untilPublished(20);
    const { attempts, states } = await fixture.expectNoneMissed();
    expect(states).toEqual(["live"]);
    expect(attempts).toHaveLength(1);
  });

  test("a token that expires while the shop cannot issue another one", async () => {
    const { environment } = fixture;
    environment.site.token = () => mintToken({ expiresIn: 3 });
    await fixture.open();
    const { page, publisher } = fixture;
    let requests = 0;
    environment.site.token = () => {
      requests++;
      return Promise.reject(new Error("the login service is unavailable"));
    };
    await page.waitFor(({ states }) => expect(states).toContain("recovering"));
    await eventually(() => expect(requests).toBeGreaterThanOrEqual(2));
    environment.site.token = mintToken;
    await page.waitFor(({ status }) => expect(status).toBe("live"), 30_000);
    await publisher.untilPublished(20);
    const { attempts, states } = await fixture.expectNoneMissed();
    expect(states).toEqual(["live", "recovering", "live"]);
    expect(attempts).toHaveLength(2);
  });

  test("a disconnected page shows the reason and does not reconnect until it asks to", async () => {
    await fixture.open();
    const { environment, order, page, publisher } = fixture;
    const { profile } = environment.browser;
    await publisher.stop();
    await callService(environment.service.url, "POST", "disconnect", { channel: `order_${order}` });
    const { reason } = await page.waitFor(({ status }) => expect(status).toBe("closed"));
    expect(reason).toEqual({
      code: 4001,
      name: "unauthenticated",
      message: "Disconnected by the service",
      userMustAct: true,
    });
    // Neither a restored network nor a tab that becomes visible again may trigger an attempt.
    await profile.setOffline(true);
    await page.waitFor(({ lifecycle }) => expect(lifecycle).toContain("offline"));
    await profile.setOffline(false);
    const otherTab = await profile.newPage();
    await page.waitFor(({ lifecycle }) => expect(lifecycle).toContain("hidden"));
    await otherTab.close();
    await page.page.bringToFront();
    await page.waitFor(({ lifecycle }) => expect(lifecycle).toEqual(expect.arrayContaining(["online", "visible"])));
    // Longer than the first back-off and the jitter after a wake.
    await wait(2000);
    expect((await recordOf(page)).attempts).toHaveLength(1);
    // The page itself may reconnect, and resumes from its position.
    await publishAt(environment.service.url, `orders/${order}`, "order_delivered", {});
    await page.call("reconnect()");
    const { attempts } = await expectNoneMissed(page, publisher.lastSeq + 1);
    expect(attempts).toHaveLength(2);
  });
}
