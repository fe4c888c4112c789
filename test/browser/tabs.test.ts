import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test as inNode } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { hasChromium } from "./support/chromium.ts";
import { openSite, type Site, type VisitedPage } from "./support/site.ts";

/** Several tabs of one browser, and pages that are put away. */

const test = inNode.skipIf(!hasChromium("several tabs, and pages that are put away"));

let service: Workerd;
let site: Site;
let profile: BrowserContext;
beforeAll(async () => {
  [service, site] = await Promise.all([startTidings({ BACKEND_CORS_ORIGINS: "*" }), openSite(["core"])]);
});
afterAll(() => Promise.all([service?.stop(), site?.stop()]));
beforeEach(async () => {
  profile = await site.profile();
});
afterEach(async () => {
  await profile.close();
  expect(site.takeErrors()).toEqual([]);
});

const ship = async (order: string) => {
  const response = await callService(service.url, "POST", `publish/orders/${order}`, {
    type: "order_shipped",
    data: {},
  });
  expect(response.status).toBe(200);
};
const visit = async (order: string, settings: Record<string, string> = {}, subject = "alice") =>
  site.visit(profile, "core", { url: service.url, order, token: await mintToken({ subject }), ...settings });
const isLive = (page: VisitedPage) => page.shows(({ status }) => expect(status).toBe("live"));
const hasSeqs = (page: VisitedPage, seqs: number[]) => page.shows((shown) => expect(shown.seqs).toEqual(seqs));
const connections = async () => {
  const health = (await (await callService(service.url, "GET", "ws/health")).json()) as { total_connections: number };
  return health.total_connections;
};

describe("tabs that share", () => {
  test("have one socket, and every tab hears every event once; a side effect happens in one", async () => {
    const order = await registerOrderAt(service.url);
    const tabs: VisitedPage[] = [];
    for (let i = 0; i < 3; i++) tabs.push(await visit(order, { shared: "" }));
    await Promise.all(tabs.map(isLive));
    await ship(order);
    await ship(order);
    for (const tab of tabs) await hasSeqs(tab, [1, 2]);
    const shown = await Promise.all(tabs.map((tab) => tab.shown()));
    expect(shown.reduce((sum, { sockets }) => sum + sockets, 0)).toBe(1);
    await eventually(async () => expect(await connections()).toBe(1));
    expect(new Set(shown.flatMap(({ done }) => done)).size).toBe(2);
    expect(shown.flatMap(({ done }) => done)).toHaveLength(2);
  });

  test("go on when the one with the socket is closed: nobody misses an event or hears one twice", async () => {
    const order = await registerOrderAt(service.url);
    const first = await visit(order, { shared: "" });
    await isLive(first);
    const others = [await visit(order, { shared: "" }), await visit(order, { shared: "" })];
    await Promise.all(others.map(isLive));
    let published = 0;
    let isPublishing = true;
    const publishing = (async () => {
      while (isPublishing) {
        await ship(order);
        published++;
      }
    })();
    await eventually(() => expect(published).toBeGreaterThan(20));
    await first.page.close();
    const before = published;
    await eventually(() => expect(published).toBeGreaterThan(before + 50));
    isPublishing = false;
    await publishing;
    const all = Array.from({ length: published }, (_, i) => i + 1);
    for (const tab of others) await hasSeqs(tab, all);
    const shown = await Promise.all(others.map((tab) => tab.shown()));
    expect(shown.map(({ gaps }) => gaps)).toEqual([0, 0]);
    expect(shown.reduce((sum, { sockets }) => sum + sockets, 0)).toBe(1);
    await eventually(async () => expect(await connections()).toBe(1));
  });

  test("that come later are told how things stand, and hear what happens from then on", async () => {
    const order = await registerOrderAt(service.url);
    const first = await visit(order, { shared: "" });
    await isLive(first);
    await ship(order);
    await hasSeqs(first, [1]);
    const second = await visit(order, { shared: "" });
    await second.shows((shown) => expect(shown).toMatchObject({ status: "live", current: "shipped", sockets: 0 }));
    await ship(order);
    await hasSeqs(second, [2]);
  });

  test("move the socket when the page that has it is put away", async () => {
    const order = await registerOrderAt(service.url);
    const first = await visit(order, { shared: "" });
    await isLive(first);
    const second = await visit(order, { shared: "" });
    await isLive(second);
    await first.do('fire("window", "pagehide")');
    await second.shows((shown) => expect(shown).toMatchObject({ status: "live", sockets: 1 }));
    await ship(order);
    await hasSeqs(second, [1]);
    await first.do('fire("window", "pageshow")');
    await hasSeqs(first, [1]);
    await eventually(async () => expect(await connections()).toBe(1));
    expect((await first.shown()).gaps).toBe(0);
  });

  test("take the socket over from a tab that no longer answers", { timeout: 60_000 }, async () => {
    const order = await registerOrderAt(service.url);
    const first = await visit(order, { shared: "" });
    await isLive(first);
    const second = await visit(order, { shared: "" });
    await isLive(second);
    // As a phone does to a tab in the background: it keeps its lock and runs no more.
    const debug = await profile.newCDPSession(first.page);
    await debug.send("Debugger.enable");
    await debug.send("Debugger.pause");
    const stuck = first.do("close()");
    await ship(order);
    await eventually(async () => {
      await second.do('fire("document", "visibilitychange")');
      await hasSeqs(second, [1]);
    });
    expect((await second.shown()).sockets).toBe(1);
    await debug.send("Debugger.disable");
    await stuck;
  });

  test("have a socket each where the browser forbids them to agree, as in a sandboxed frame", async () => {
    const order = await registerOrderAt(service.url);
    const settings = new URLSearchParams({ url: service.url, order, token: await mintToken(), shared: "" });
    const page = await profile.newPage();
    // Locks exist only where the page around the frame is a secure one, too.
    await page.goto(`${site.url}/around`);
    await page.setContent(`<iframe sandbox="allow-scripts"></iframe>`);
    const frame = page.frames()[1];
    await frame?.goto(`${site.url}/core#${settings}`);
    const shown = async () => JSON.parse((await frame?.locator("#shown").textContent({ timeout: 1000 })) ?? "{}");
    await eventually(async () => expect(await shown()).toMatchObject({ status: "live", sockets: 1 }));
    await ship(order);
    await eventually(async () => expect(await shown()).toMatchObject({ seqs: [1], done: [expect.any(String)] }));
    await page.close();
  });

  test("of two users share nothing", async () => {
    const order = await registerOrderAt(service.url);
    const alice = await visit(order, { shared: "" });
    await isLive(alice);
    const bob = await visit(order, { shared: "" }, "bob");
    await bob.shows((shown) => expect(shown.reason).toMatchObject({ code: 4003 }));
    await ship(order);
    await hasSeqs(alice, [1]);
    expect((await bob.shown()).seqs).toEqual([]);
  });

  test("that are told to stop stop together, and begin anew when one of them does", async () => {
    const order = await registerOrderAt(service.url);
    const tabs = [await visit(order, { shared: "" }), await visit(order, { shared: "" })];
    await Promise.all(tabs.map(isLive));
    await callService(service.url, "POST", "disconnect", { channel: `order_${order}` });
    for (const tab of tabs) await tab.shows((shown) => expect(shown.reason).toMatchObject({ code: 4001 }));
    await tabs[1]?.do("reconnect()");
    await Promise.all(tabs.map(isLive));
  });
});

describe("a page", () => {
  for (const [target, away, back] of [
    ["window", "pagehide", "pageshow"],
    ["document", "freeze", "resume"],
  ] as const) {
    test(`has no socket between ${away} and ${back}, and misses nothing`, async () => {
      const order = await registerOrderAt(service.url);
      const page = await visit(order);
      await isLive(page);
      await page.do(`fire("${target}", "${away}")`);
      await eventually(async () => expect(await connections()).toBe(0));
      await ship(order);
      await page.do(`fire("${target}", "${back}")`);
      await hasSeqs(page, [1]);
      expect((await page.shown()).sockets).toBe(2);
    });
  }

  test("that was closed offline and begun anew online comes back as quickly as any", async () => {
    const order = await registerOrderAt(service.url);
    const page = await visit(order);
    await isLive(page);
    await profile.setOffline(true);
    await page.do('fire("window", "offline")');
    await page.do("close()");
    await profile.setOffline(false);
    await page.do("reconnect()");
    await isLive(page);
    await service.restart();
    await ship(order);
    await hasSeqs(page, [1]);
  });

  test("says that it is offline, and comes back with the network", async () => {
    const order = await registerOrderAt(service.url);
    const page = await visit(order);
    await isLive(page);
    await profile.setOffline(true);
    await service.restart();
    await page.shows(({ status }) => expect(status).toBe("offline"));
    await ship(order);
    await profile.setOffline(false);
    await hasSeqs(page, [1]);
    await isLive(page);
  });
});
