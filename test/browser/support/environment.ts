import { TcpProxy } from "../../support/tcp-proxy.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { type PlainChromium, startPlainChromium } from "./chromium.ts";
import { openSite, type Site } from "./site.ts";

/** The surroundings of a page that listens to an order. A test can make each part fail. */
export interface Environment {
  service: Workerd;
  /** Between the page and the service; publishers bypass it. */
  network: TcpProxy;
  /** The service's URL through the network. */
  url: string;
  site: Site;
  chromium: PlainChromium;
  stop(): Promise<void>;
}

export async function startEnvironment(): Promise<Environment> {
  const [service, site, chromium] = await Promise.all([
    startTidings({ BACKEND_CORS_ORIGINS: "*", HISTORY_LIMIT: "100000" }),
    openSite(["recovery"]),
    startPlainChromium(),
  ]);
  const network = new TcpProxy(service.url);
  const url = await network.listen();
  const stop = async () => {
    await Promise.all([chromium.stop(), site.stop()]);
    network.close();
    await service.stop();
  };
  return { service, network, url, site, chromium, stop };
}
