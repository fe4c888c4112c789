import { expect, test as inNode } from "vitest";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import { CHROMIUM, hasChromium } from "./support/chromium.ts";
import { expectSeqs, setUpTabs } from "./support/tabs-fixture.ts";

/** Tabs that stop, crash or may not coordinate: what only Chromium's DevTools can do. */

const test = inNode.skipIf(!hasChromium("tabs that stop or crash"));
const { fixture, registerOrder, ship, openShared, expectConnections } = setUpTabs(CHROMIUM);

test("a tab that stopped responding loses the socket to another one", async () => {
  const order = await registerOrder();
  const first = await openShared(order);
  const second = await openShared(order);
  // Like a background tab on a phone: it keeps its lock but runs no code.
  const devTools = await first.page.context().newCDPSession(first.page);
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

test("tabs use a socket each where the browser blocks coordination, as in a sandboxed frame", async () => {
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

test("a side effect runs in another tab when its tab crashes before it is over", async () => {
  const order = await registerOrder();
  const tabs = [await openShared(order), await openShared(order)] as const;
  for (const tab of tabs) await tab.call("holdEffects()");
  await ship(order);
  const [first, second] = await eventually(async () => {
    const states = await Promise.all(tabs.map((tab) => tab.state()));
    const started = states.findIndex(({ started }) => started === 1);
    expect(started).not.toBe(-1);
    return started === 0 ? tabs : ([tabs[1], tabs[0]] as const);
  });
  await second.waitFor((state) => expect(state).toMatchObject({ seqs: [1], started: 0 }));
  const devTools = await first.page.context().newCDPSession(first.page);
  // The renderer dies before it could answer.
  void devTools.send("Page.crash").catch(() => {});
  await second.waitFor((state) => expect(state).toMatchObject({ started: 1 }));
  await second.call("releaseEffects()");
  await second.waitFor((state) => expect(state.effects).toHaveLength(1));
  await ship(order);
  await expectSeqs(second, [1, 2]);
  await expectConnections(1);
});
