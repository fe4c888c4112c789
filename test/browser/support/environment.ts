import { TcpProxy } from "../../support/tcp-proxy.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import type { BrowserKind, PlainBrowser, Profile, Tab } from "./browsers.ts";
import { openSiteIn, type Site } from "./site.ts";

/** The surroundings of a page that listens to an order. A test can make each part fail. */
export interface Environment<T extends Tab> {
  service: Workerd;
  /** Between the page and the service; publishers bypass it. */
  network: TcpProxy;
  /** The service's URL through the network. */
  url: string;
  site: Site<T, Profile<T>>;
  browser: PlainBrowser<T>;
  stop(): Promise<void>;
}

export async function startEnvironment<T extends Tab>(kind: BrowserKind<T>): Promise<Environment<T>> {
  const [service, site, browser] = await Promise.all([
    startTidings({ BACKEND_CORS_ORIGINS: "*", HISTORY_LIMIT: "100000" }),
    openSiteIn(kind, ["recovery", "order", "tab-log"]),
    kind.startPlain(),
  ]);
  const network = new TcpProxy(service.url);
  const url = await network.listen();
  const stop = async () => {
    await Promise.all([browser.stop(), site.stop()]);
    network.close();
    await service.stop();
  };
  return { service, network, url, site, browser, stop };
}
