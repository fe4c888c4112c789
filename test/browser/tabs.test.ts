import { describe, expect, test as inNode } from "vitest";
import { upTo } from "../sdk/support/listener.ts";
import { eventually } from "../support/eventually.ts";
import { callService } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import type { Tab } from "./support/browsers.ts";
import { BROWSERS } from "./support/every-browser.ts";
import { type SitePage, waitUntilLive } from "./support/site.ts";
import { expectSeqs, setUpTabs, statesOf, totalSockets } from "./support/tabs-fixture.ts";

/** Several tabs of one browser, and pages that the browser suspends. */

describe.each(BROWSERS)("in $name", (kind) => {
  const test = inNode.skipIf(!kind.isInstalled("several tabs and suspended pages"));
  const { fixture, registerOrder, ship, open, openShared, expectConnections } = setUpTabs(kind);

  describe("shared tabs", () => {
    test("use one socket, deliver every event to each tab once, and run a side effect in one tab", async () => {
      const order = await registerOrder();
      const tabs: SitePage<Tab>[] = [];
      for (let i = 0; i < 3; i++) tabs.push(await open(order, { shared: "" }));
      await Promise.all(tabs.map(waitUntilLive));
      // Enough that tabs of a busy browser are at different ones.
      const count = 50;
      for (let n = 0; n < count; n++) await ship(order);
      for (const tab of tabs) await expectSeqs(tab, upTo(count));
      for (const tab of tabs) await tab.waitFor(({ settled }) => expect(settled).toBe(count));
      const states = await statesOf(tabs);
      expect(totalSockets(states)).toBe(1);
      await expectConnections(1);
      const effects = states.flatMap(({ effects }) => effects);
      expect(new Set(effects).size).toBe(count);
      expect(effects).toHaveLength(count);
    });

    test("continue without a missed or repeated event when the tab with the socket closes", async () => {
      const order = await registerOrder();
      const leader = await openShared(order);
      const followers = [await open(order, { shared: "" }), await open(order, { shared: "" })];
      await Promise.all(followers.map(waitUntilLive));
      let published = 0;
      let isPublishing = true;
      const publishing = (async () => {
        while (isPublishing) {
          await ship(order);
          published++;
        }
      })();
      await eventually(() => expect(published).toBeGreaterThan(20));
      await leader.page.close();
      const before = published;
      await eventually(() => expect(published).toBeGreaterThan(before + 50));
      isPublishing = false;
      await publishing;
      for (const tab of followers) await expectSeqs(tab, upTo(published));
      const states = await statesOf(followers);
      expect(states.map(({ gaps }) => gaps)).toEqual([0, 0]);
      expect(totalSockets(states)).toBe(1);
      await expectConnections(1);
    });

    test("give a later tab the current snapshot and the events from then on", async () => {
      const order = await registerOrder();
      const first = await openShared(order);
      await ship(order);
      await expectSeqs(first, [1]);
      const second = await open(order, { shared: "" });
      await second.waitFor((state) => expect(state).toMatchObject({ status: "live", current: "shipped", sockets: 0 }));
      await ship(order);
      await expectSeqs(second, [2]);
    });

    test("move the socket when the page that holds it is suspended", async () => {
      const order = await registerOrder();
      const first = await openShared(order);
      const second = await openShared(order);
      await first.call('fire("window", "pagehide")');
      await second.waitFor((state) => expect(state).toMatchObject({ status: "live", sockets: 1 }));
      await ship(order);
      await expectSeqs(second, [1]);
      await first.call('fire("window", "pageshow")');
      await expectSeqs(first, [1]);
      await expectConnections(1);
      expect((await first.state()).gaps).toBe(0);
    });

    test("share nothing between two users", async () => {
      const order = await registerOrder();
      const alice = await openShared(order);
      const bob = await open(order, { shared: "" }, "bob");
      await bob.waitFor((state) => expect(state.reason).toMatchObject({ code: 4003 }));
      await ship(order);
      await expectSeqs(alice, [1]);
      expect((await bob.state()).seqs).toEqual([]);
    });

    test("bring nothing to the former user's tabs when one of them signs in as another user", async () => {
      const order = await registerOrder();
      const [leader, follower] = [await openShared(order), await openShared(order)];
      await leader.call(`setToken("${await mintToken({ subject: "boss", role: "admin" })}")`);
      await leader.call("reconnect()");
      // Alice's other tab takes over, and the admin's tab starts again.
      await follower.waitFor((state) => expect(state).toMatchObject({ status: "live", sockets: 1 }));
      await leader.waitFor((state) => expect(state).toMatchObject({ status: "live", sockets: 2, gaps: 1 }));
      await ship(order);
      for (const tab of [leader, follower]) await expectSeqs(tab, [1]);
      // Carol may not see the order. Her tab is refused, and Alice's still receives events.
      await leader.call(`setToken("${await mintToken({ subject: "carol" })}")`);
      await leader.call("reconnect()");
      await leader.waitFor((state) => expect(state.reason).toMatchObject({ code: 4003 }));
      await ship(order);
      await expectSeqs(follower, [1, 2]);
      expect(await leader.state()).toMatchObject({ seqs: [1] });
      expect(await follower.state()).toMatchObject({ status: "live", gaps: 0 });
    });

    test("pass the socket on from a tab without a token to one that has one", async () => {
      const order = await registerOrder();
      const [leader, follower] = [await openShared(order), await openShared(order)];
      await leader.call("setToken(null)");
      await fixture.service.restart();
      await ship(order);
      for (const tab of [leader, follower]) await tab.waitFor((state) => expect(state.seqs).toEqual([1]), 60_000);
      const states = await statesOf([leader, follower]);
      expect(states.map(({ gaps }) => gaps)).toEqual([0, 0]);
      expect(states[1]?.sockets).toBe(1);
    });

    test("close together when the service disconnects them, and reconnect together when one asks to", async () => {
      const order = await registerOrder();
      const tabs = [await open(order, { shared: "" }), await open(order, { shared: "" })];
      await Promise.all(tabs.map(waitUntilLive));
      await callService(fixture.service.url, "POST", "disconnect", { channel: `order_${order}` });
      for (const tab of tabs) await tab.waitFor((state) => expect(state.reason).toMatchObject({ code: 4001 }));
      await tabs[1]?.call("reconnect()");
      await Promise.all(tabs.map(waitUntilLive));
    });
  });

  describe("a page", () => {
    for (const [target, suspend, resume] of [
      ["window", "pagehide", "pageshow"],
      ["document", "freeze", "resume"],
    ] as const) {
      test(`holds no socket between ${suspend} and ${resume}, and misses no event`, async () => {
        const order = await registerOrder();
        const page = await open(order);
        await waitUntilLive(page);
        await page.call(`fire("${target}", "${suspend}")`);
        await expectConnections(0);
        await ship(order);
        await page.call(`fire("${target}", "${resume}")`);
        await expectSeqs(page, [1]);
        expect((await page.state()).sockets).toBe(2);
      });
    }

    test("recovers as usual after it was closed offline and reconnected online", async () => {
      const order = await registerOrder();
      const page = await open(order);
      await waitUntilLive(page);
      await fixture.profile.setOffline(true);
      await page.call('fire("window", "offline")');
      await page.call("close()");
      await fixture.profile.setOffline(false);
      await page.call("reconnect()");
      await waitUntilLive(page);
      await fixture.service.restart();
      await ship(order);
      await expectSeqs(page, [1]);
    });

    test("reports that it is offline, and reconnects when the network returns", async () => {
      const order = await registerOrder();
      const page = await open(order);
      await waitUntilLive(page);
      await fixture.profile.setOffline(true);
      await fixture.service.restart();
      await page.waitFor(({ status }) => expect(status).toBe("offline"));
      await ship(order);
      await fixture.profile.setOffline(false);
      await expectSeqs(page, [1]);
      await waitUntilLive(page);
    });
  });
});
