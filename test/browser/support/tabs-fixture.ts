import { afterEach, expect } from "vitest";
import { publishAt } from "../../sdk/support/listener.ts";
import { eventually } from "../../support/eventually.ts";
import { registerOrderAt } from "../../support/node-client.ts";
import { mintToken } from "../../support/tokens.ts";
import type { BrowserKind, Profile, Tab } from "./browsers.ts";
import { countConnections } from "./service.ts";
import type { PageState, SitePage } from "./site.ts";
import { waitUntilLive } from "./site.ts";
import { setUpSiteIn } from "./site-fixture.ts";

/** Tabs with the page of an order: opening them, and what is expected of them. */

/** Registers the hooks of a test file. Each test must end without page errors. */
export function setUpTabs<T extends Tab, P extends Profile<T>>(kind: BrowserKind<T, P>) {
  const fixture = setUpSiteIn(kind, ["order"]);
  afterEach(() => expect(fixture.site.takeErrors()).toEqual([]));

  const open = async (order: string, settings: Record<string, string> = {}, subject = "alice") =>
    fixture.site.open(fixture.profile, "order", {
      url: fixture.service.url,
      order,
      token: await mintToken({ subject }),
      visible: "",
      ...settings,
    });
  return {
    fixture,
    registerOrder: () => registerOrderAt(fixture.service.url),
    ship: (order: string) => publishAt(fixture.service.url, `orders/${order}`, "order_shipped", {}),
    /** Opens a tab with a socket of its own. */
    open,
    /** Opens a tab that shares its socket, and waits until it is live. */
    async openShared(order: string, subject?: string) {
      const tab = await open(order, { shared: "" }, subject);
      await waitUntilLive(tab);
      return tab;
    },
    /** Waits until the service has this number of sockets. */
    expectConnections: (count: number) =>
      eventually(async () => expect(await countConnections(fixture.service.url)).toBe(count)),
  };
}

export const expectSeqs = (page: SitePage<Tab>, seqs: number[]) =>
  page.waitFor((state) => expect(state.seqs).toEqual(seqs));
export const statesOf = (tabs: SitePage<Tab>[]) => Promise.all(tabs.map((tab) => tab.state()));
/** How many sockets these tabs have opened. */
export const totalSockets = (states: PageState[]) => states.reduce((sum, { sockets }) => sum + sockets, 0);
