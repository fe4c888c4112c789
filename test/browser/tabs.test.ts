import { afterEach, describe, expect, test as inNode } from "vitest";
import { publishAt, upTo } from "../sdk/support/listener.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { hasChromium } from "./support/chromium.ts";
import { countConnections } from "./support/service.ts";
import { type PageState, type SitePage, waitUntilLive } from "./support/site.ts";
import { setUpSite } from "./support/site-fixture.ts";

/** Several tabs of one browser, and pages that the browser suspends. */

const test = inNode.skipIf(!hasChromium("several tabs and suspended pages"));

const fixture = setUpSite(["order"]);
afterEach(() => expect(fixture.site.takeErrors()).toEqual([]));

const registerOrder = () => registerOrderAt(fixture.service.url);
const ship = (order: string) => publishAt(fixture.service.url, `orders/${order}`, "order_shipped", {});
const open = async (order: string, settings: Record<string, string> = {}, subject = "alice") =>
  fixture.site.open(fixture.profile, "order", {
    url: fixture.service.url,
    order,
    token: await mintToken({ subject }),
    ...settings,
  });
const openShared = async (order: string) => {
  const tab = await open(order, { shared: "" });
  await waitUntilLive(tab);
  return tab;
};
const expectSeqs = (page: SitePage, seqs: number[]) => page.waitFor((state) => expect(state.seqs).toEqual(seqs));
const expectConnections = (count: number) =>
  eventually(async () => expect(await countConnections(fixture.service.url)).toBe(count));
const statesOf = (tabs: SitePage[]) => Promise.all(tabs.map((tab) => tab.state()));
const totalSockets = (states: PageState[]) => states.reduce((sum, { sockets }) => sum + sockets, 0);

describe("shared tabs", () => {
  test("use one socket, deliver every event to each tab once, and run a side effect in one tab", async () => {
    const order = await registerOrder();
    const tabs: SitePage[] = [];
    for (let i = 0; i < 3; i++) tabs.push(await open(order, { shared: "" }));
    await Promise.all(tabs.map(waitUntilLive));
    await ship(order);
    await ship(order);
    for (const tab of tabs) await expectSeqs(tab, [1, 2]);
    const states = await statesOf(tabs);
    expect(totalSockets(states)).toBe(1);
    await expectConnections(1);
    const effects = states.flatMap(({ effects }) => effects);
    expect(new Set(effects).size).toBe(2);
    expect(effects).toHaveLength(2);
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

  test("take the socket over from a tab that stopped responding", { timeout: 60_000 }, async () => {
    const order = await registerOrder();
    const first = await openShared(order);
    const second = await openShared(order);
    // Like a background tab on a phone: it keeps its lock but runs no code.
    const devTools = await fixture.profile.newCDPSession(first.page);
    await devTools.send("Debugger.enable");
    await devTools.send("Debugger.pause");
    const stuck = first.call("close()");
    await ship(order);
    await eventually(async () => {
      await second.call('fire("document", "visibilitychange")');
      await expectSeqs(second, [1]);
    });
    expect((await second.state()).sockets).toBe(1);
    await devTools.send("Debugger.disable");
    await stuck;
  });

  test("use a socket each where the browser blocks coordination, as in a sandboxed frame", async () => {
    const { service, site, profile } = fixture;
    const order = await registerOrder();
    const settings = new URLSearchParams({ url: service.url, order, token: await mintToken(), shared: "" });
    const page = await profile.newPage();
    // Web Locks exist only if the embedding page is a secure context, too.
    await page.goto(`${site.url}/embedding`);
    await page.setContent(`<iframe sandbox="allow-scripts"></iframe>`);
    const frame = page.frames()[1];
    await frame?.goto(`${site.url}/order#${settings}`);
    const state = async () => JSON.parse((await frame?.locator("#state").textContent({ timeout: 1000 })) ?? "{}");
    await eventually(async () => expect(await state()).toMatchObject({ status: "live", sockets: 1 }));
    await ship(order);
    await eventually(async () => expect(await state()).toMatchObject({ seqs: [1], effects: [expect.any(String)] }));
    await page.close();
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
