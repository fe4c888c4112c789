import { describe, expect, test as inNode } from "vitest";
import { publishAt } from "../sdk/support/listener.ts";
import { mintToken } from "../support/tokens.ts";
import { BROWSERS } from "./support/every-browser.ts";
import { setUpRecovery } from "./support/recovery-fixture.ts";
import { waitUntilLive } from "./support/site.ts";
import { expectSeqs } from "./support/tabs-fixture.ts";

/** Shared tabs in browsers that hide background tabs, whose timers they slow down. */

describe.each(BROWSERS)("in $name", (kind) => {
  const test = inNode.skipIf(!kind.isInstalled("hidden tabs that share a socket"));
  const fixture = setUpRecovery(kind);

  test("a visible tab takes the socket over from a hidden one, and keeps it when it is hidden itself", async () => {
    const { order } = fixture;
    const { service, site, browser } = fixture.environment;
    const settings = { url: service.url, order, token: await mintToken(), shared: "" };
    const first = await site.open(browser.profile, "order", settings);
    await waitUntilLive(first);
    expect((await first.state()).sockets).toBe(1);
    // Opens in front of the first.
    const second = await site.open(browser.profile, "order", settings);
    await second.page.bringToFront();
    expect(await first.page.evaluate("document.visibilityState")).toBe("hidden");
    await second.waitFor((state) => expect(state).toMatchObject({ status: "live", sockets: 1 }), 20_000);
    await publishAt(service.url, `orders/${order}`, "order_shipped", {});
    for (const tab of [first, second]) await expectSeqs(tab, [1]);

    // An empty tab in front: now neither is visible, and neither gains by a change.
    await (await browser.profile.newPage()).bringToFront();
    await publishAt(service.url, `orders/${order}`, "order_delivered", {});
    for (const tab of [first, second]) await expectSeqs(tab, [1, 2]);
    const states = await Promise.all([first, second].map((tab) => tab.state()));
    expect(states.map(({ sockets, gaps }) => [sockets, gaps])).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });
});
