import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { allText } from "../support/documents.ts";
import { NodeListener, registerOrderAt } from "../support/node-client.ts";
import { hasPython, PythonProject } from "../support/python.ts";
import { snippetsOf } from "../support/snippets.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** The calls that README and manual show, as they are printed. */

let service: Workerd;
let orderId: string;
let listener: NodeListener;
beforeAll(async () => {
  service = await startTidings();
  orderId = await registerOrderAt(service.url);
  listener = new NodeListener(
    `${service.url.replace("http", "ws")}/api/v1/ws/orders/${orderId}?token=${await mintToken()}`,
    [],
  );
  await listener.established;
});
afterAll(async () => {
  listener.close();
  await service.stop();
});

const withCurl = snippetsOf(allText()).filter(
  ({ language, code }) => language === "sh" && /^curl .*\/api\//s.test(code),
);
test.each(withCurl)("this call succeeds: $code", async ({ code }) => {
  const env = { PATH: process.env.PATH, URL: service.url, ORDER_ID: orderId, PUBLISH_KEY };
  const program = `curl() { command curl --fail-with-body --silent --show-error "$@"; }\n${code}`;
  const { stdout } = await promisify(execFile)("bash", ["-euc", program], { env });
  expect(() => JSON.parse(stdout)).not.toThrow();
});

test("there are such calls", () => expect(withCurl.length).toBeGreaterThan(1));

test.skipIf(!hasPython("the manual's calls in Python"))(
  "the examples of the Python publisher and of a signature publish",
  async () => {
    const examples = snippetsOf(chapterText("publish") + chapterText("migrate")).filter(
      ({ language, code }) => language === "python" && !code.includes("from app.api"),
    );
    expect(examples.length).toBe(3);
    const project = await PythonProject.make();
    try {
      for (const { code } of examples) {
        const before = listener.frames.length;
        const program = `
import asyncio, json
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
import os
order = SimpleNamespace(id=${JSON.stringify(orderId)}, user_id="alice", status="pending", payment_status="pending")
product = SimpleNamespace(id="p-42")
URL, PUBLISH_KEY = os.environ["TIDINGS_URL"], os.environ["TIDINGS_KEY"]
async def main():
${code.replace(/^/gm, "    ")}
asyncio.run(main())
print("null")`;
        await project.run(program, { TIDINGS_URL: service.url, TIDINGS_KEY: PUBLISH_KEY });
        await listener.receive(before + 1);
      }
    } finally {
      await project.remove();
    }
  },
);
