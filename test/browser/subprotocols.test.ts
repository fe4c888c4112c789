import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test as inNode } from "vitest";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import type { ManyProfiles, Profile, Tab } from "./support/browsers.ts";
import { BROWSERS } from "./support/every-browser.ts";

/** What browsers make of an offer of subprotocols, of which the service selects `tidings.v1` or none. */

/** What happens in a browser: `message`, or how the connection fails. */
type Outcome = string | Record<string, string>;

const OFFERS: [name: string, offer: string[], outcome: Outcome][] = [
  ["none", [], "message"],
  ["tidings.v1", ["tidings.v1"], "message"],
  ["another one and tidings.v1", ["graphql-transport-ws", "tidings.v1"], "message"],
  // Chromium requires that one of the offered is selected (WHATWG, WebSockets, "establish a connection").
  [
    "another one alone, which the service does not select",
    ["graphql-transport-ws"],
    { Chromium: "close 1006", Firefox: "message" },
  ],
];

const pages = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html>"));
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ BACKEND_CORS_ORIGINS: "*" });
  await once(pages.listen(0, "127.0.0.1"), "listening");
});
afterAll(() => {
  pages.close();
  return service.stop();
});

describe.each(BROWSERS)("in $name, a page with a token in the URL that offers", (kind) => {
  const test = inNode.skipIf(!kind.isInstalled("offers of subprotocols"));
  let browser: ManyProfiles<Profile>;
  let tab: Tab;
  beforeAll(async () => {
    if (!kind.isInstalled("offers of subprotocols")) return;
    browser = await kind.start();
    tab = await (await browser.newContext()).newPage();
    await tab.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}`);
  });
  afterAll(() => browser?.close());

  for (const [name, offer, outcome] of OFFERS) {
    test(name, async () => {
      const url = `${service.url.replace("http", "ws")}/api/v1/ws/products?token=${await mintToken()}`;
      await tab.evaluate(`(() => {
        globalThis.outcome = null;
        const socket = new WebSocket(${JSON.stringify(url)}, ${JSON.stringify(offer)});
        socket.onmessage = () => { globalThis.outcome ??= "message"; };
        socket.onclose = ({ code }) => { globalThis.outcome ??= "close " + code; };
        return null;
      })()`);
      await eventually(async () =>
        expect(await tab.evaluate("globalThis.outcome")).toBe(
          typeof outcome === "string" ? outcome : outcome[kind.name],
        ),
      );
    });
  }
});
