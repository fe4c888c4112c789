import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { eventually } from "../support/eventually.ts";
import { DEBIAN_PYTHON, hasPythonModules } from "../support/example-backend.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { endProcess, endWithThisProcess } from "../support/processes.ts";
import { fileIn } from "../support/snippets.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** The clients that the manual prints for those who do not use the SDK. */

interface Following {
  seqs: number[];
  /** The close code with which it ended. */
  ended: Promise<number>;
  stop(): void;
}

let directory: string;
let service: Workerd;
let network: TcpProxy;
let url: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidings-clients-"));
  for (const file of ["follow.js", "follow.py"])
    await writeFile(join(directory, file), fileIn(chapterText("connect"), file));
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  service = await startTidings();
  network = new TcpProxy(service.url);
  url = (await network.listen()).replace("http", "ws");
});
afterAll(async () => {
  network.close();
  await service.stop();
  await rm(directory, { recursive: true, force: true });
});

async function followInJavaScript(path: string, getToken: () => Promise<string>): Promise<Following> {
  const { follow } = await import(pathToFileURL(join(directory, "follow.js")).href);
  const seqs: number[] = [];
  const ended = Promise.withResolvers<number>();
  const onEvent = ({ seq }: { seq: number }) => seqs.push(seq);
  const stop = follow(url + path, { getToken, onEvent, onEnd: ended.resolve });
  return { seqs, ended: ended.promise, stop };
}

async function followInPython(path: string, getToken: () => Promise<string>): Promise<Following> {
  const program = `
import asyncio, sys
from follow import follow
async def get_token(): return sys.argv[2]
async def on_event(frame): print(frame["seq"], flush=True)
print("ended", asyncio.run(follow(sys.argv[1], get_token, on_event)), flush=True)`;
  const env = { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: "1" };
  const child = spawn(DEBIAN_PYTHON, ["-c", program, url + path, await getToken()], { cwd: directory, env });
  endWithThisProcess(child);
  const seqs: number[] = [];
  const ended = Promise.withResolvers<number>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.trim().split("\n")) {
      const code = /^ended (\d+)$/.exec(line)?.[1];
      if (code === undefined) seqs.push(z.coerce.number().int().parse(line));
      else ended.resolve(Number(code));
    }
  });
  return { seqs, ended: ended.promise, stop: () => void endProcess(child, "SIGKILL") };
}

const hasWebsockets = hasPythonModules(["websockets"], "the manual's client in Python");
describe.each([
  { language: "JavaScript", start: followInJavaScript, isInstalled: true },
  { language: "Python", start: followInPython, isInstalled: hasWebsockets },
])("the manual's client in $language", (client) => {
  test.skipIf(!client.isInstalled)(
    "misses no event of an order while its network is down, and stops when access ends",
    async () => {
      const order = await registerOrderAt(service.url, "alice");
      const following = await client.start(`/api/v1/ws/orders/${order}`, () => mintToken({ subject: "alice" }));
      await expectNoneMissed(following, () =>
        callService(service.url, "POST", `publish/orders/${order}`, { type: "order_delivered", data: {} }),
      );
      await callService(service.url, "DELETE", `orders/${order}`);
      expect(await following.ended).toBe(4004);
    },
  );

  test.skipIf(!client.isInstalled)("stops when it is refused", async () => {
    const order = await registerOrderAt(service.url, "alice");
    const following = await client.start(`/api/v1/ws/orders/${order}`, () => mintToken({ subject: "carol" }));
    onTestFinished(() => following.stop());
    expect(await following.ended).toBe(4003);
  });

  test.skipIf(!client.isInstalled)("keeps its product filter when it reconnects", async () => {
    const [mine, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const following = await client.start(`/api/v1/ws/products?product_id=${mine},${other}`, mintToken);
    await expectNoneMissed(following, () =>
      callService(service.url, "POST", "publish/products", { type: "product_deleted", data: { product_id: other } }),
    );
    await callService(service.url, "POST", "disconnect", { channel: "products" });
    expect(await following.ended).toBe(4001);
  });
});

async function expectNoneMissed(client: Following, publish: () => Promise<unknown>): Promise<void> {
  onTestFinished(() => client.stop());
  await eventually(async () => {
    await publish();
    expect(client.seqs.length).toBeGreaterThan(0);
  });
  network.cut();
  await publish();
  await publish();
  await publish();
  await eventually(() => expect(client.seqs.at(-1)).toBeGreaterThan(Number(client.seqs[0]) + 2));
  expect(client.seqs).toEqual(client.seqs.map((_, i) => Number(client.seqs[0]) + i));
}
