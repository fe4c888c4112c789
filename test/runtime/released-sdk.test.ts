import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { RELEASES } from "../../src/site/sdk/build-sdk.ts";
import { eventually } from "../support/eventually.ts";
import { registerOrderAt } from "../support/node-client.ts";
import { hasPython, PythonProject } from "../support/python.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** Every release's SDK and publishers work with this service, as the manual's table of what works together says. */

type Client = typeof import("../../src/sdk/index.ts");
type Publisher = typeof import("../../src/sdk/publisher/publisher.ts");

let service: Workerd;
let network: TcpProxy;
let url: string;
beforeAll(async () => {
  service = await startTidings();
  network = new TcpProxy(service.url);
  url = await network.listen();
});
afterAll(async () => {
  network.close();
  await service.stop();
});

const versions = readdirSync(RELEASES);
test("there is a release to test", () => expect(versions.length).toBeGreaterThan(0));

describe.each(versions)("version %s", (version) => {
  const release = join(RELEASES, version);
  const folder = mkdtempSync(join(tmpdir(), "tidings-release-"));
  beforeAll(() => execFileSync("tar", ["-xzf", join(release, "tidings.tgz"), "-C", folder]));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const load = (path: string) => import(pathToFileURL(path).href);

  test.each([
    ["the package", () => load(join(folder, "package/dist/sdk/index.js"))],
    ["the page's module", () => load(join(release, "client.js"))],
  ])("%s receives what the publisher sends, and misses nothing while its network is down", async (_, loadClient) => {
    const { connectOrder }: Client = await loadClient();
    const { createPublisher }: Publisher = await load(join(folder, "package/dist/sdk/publisher/publisher.js"));
    const order = await registerOrderAt(service.url);
    const publisher = createPublisher({ url: service.url, key: PUBLISH_KEY });
    const publish = () => publisher.publishOrderUpdate(order, "order_shipped", { carrier: "UPS" });
    const seqs: number[] = [];
    const states: string[] = [];
    const connection = connectOrder(order, {
      url,
      getToken: () => mintToken({ subject: "alice" }),
      onEvent: ({ seq }) => seqs.push(seq),
      onStatus: ({ state }) => states.push(state),
    });
    onTestFinished(() => connection.close());
    await eventually(() => expect(states.at(-1)).toBe("live"));
    await publish();
    await eventually(() => expect(seqs).toEqual([1]));
    network.cut();
    await publish();
    await publish();
    await eventually(() => expect(seqs).toEqual([1, 2, 3]));
    expect(connection.status).toEqual({ state: "live", isStale: false, recovered: true });
  });

  test("the Python publisher publishes, and a repeated id is a duplicate", async (context) => {
    if (!hasPython(`the Python publisher of version ${version}`)) return context.skip();
    const order = await registerOrderAt(service.url);
    const python = await PythonProject.make(join(release, "tidings.py"));
    onTestFinished(() => python.remove());
    const program = `
import json, sys
from tidings import Tidings
tidings = Tidings(${JSON.stringify(service.url)}, ${JSON.stringify(PUBLISH_KEY)})
publish = lambda: tidings.publish_order_update("${order}", "order_shipped", {"carrier": "UPS"}, id="once")
print(json.dumps([publish()["status"], publish()["status"]]))`;
    expect(await python.run(program)).toEqual(["applied", "duplicate"]);
  });
});
