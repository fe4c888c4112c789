import { TcpProxy } from "../../support/tcp-proxy.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { type PlainChromium, startPlainChromium } from "./chromium.ts";
import { openSite, type Site } from "./site.ts";

/** What is around a page that listens to an order, each part of which a test can let fail. */
export interface Surroundings {
  service: Workerd;
  /** Between the page and the service; publishers do not go through it. */
  network: TcpProxy;
  /** Where the page reaches the service: through the network. */
  url: string;
  site: Site;
  chromium: PlainChromium;
  stop(): Promise<void>;
}

export async function startSurroundings(): Promise<Surroundings> {
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
