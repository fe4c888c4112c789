import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { ExampleBackend, hasPythonModules } from "../support/example-backend.ts";
import { NodeListener, registerOrderAt } from "../support/node-client.ts";
import { fileIn, snippetsOf } from "../support/snippets.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** The backends that the manual prints: their tokens open sockets, and their events arrive. */

const hasFastApi = hasPythonModules(["fastapi", "uvicorn", "jwt"], "the manual's FastAPI backends");

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

/** Listens to an order with a token of a backend. */
async function listen(backend: ExampleBackend, orderId: string): Promise<NodeListener> {
  const token = await (await backend.post("/api/token")).text();
  const url = `${service.url.replace("http", "ws")}/api/v1/ws/orders/${orderId}`;
  return new NodeListener(url, ["tidings.v1", `bearer.${token}`]);
}

const example = (language: string, containing: string) =>
  String(
    snippetsOf(chapterText("tokens")).find((one) => one.language === language && one.code.includes(containing))?.code,
  );

test.skipIf(!hasFastApi)("the example's backend places an order, and its owner sees it shipped", async () => {
  const backend = await ExampleBackend.startFastApi(fileIn(chapterText("example"), "main.py"), service.url);
  try {
    const placed = await backend.post("/api/orders");
    const { id } = z.object({ id: z.uuid() }).parse(await placed.json());
    const listener = await listen(backend, id);
    expect(await listener.established).toMatchObject({ current_status: "pending", payment_status: "paid" });
    expect((await backend.post(`/api/orders/${id}/ship`)).status).toBe(204);
    const [shipped] = await listener.receive(1);
    expect(shipped).toMatchObject({ type: "order_shipped", data: { carrier: "UPS" } });
    expect((await backend.post(`/api/orders/${crypto.randomUUID()}/ship`)).status).toBe(404);
    listener.close();
  } finally {
    await backend.stop();
  }
});

describe("a token of the manual's", () => {
  test.skipIf(!hasFastApi)("FastAPI snippet opens a socket", () =>
    expectToken(() => ExampleBackend.startFastApi(example("python", "FastAPI"), service.url)),
  );

  test("Node snippet opens a socket", () =>
    expectToken(() => ExampleBackend.startNode(example("ts", "jose"), service.url)));
});

async function expectToken(start: () => Promise<ExampleBackend>): Promise<void> {
  const backend = await start();
  try {
    const own = await listen(backend, await registerOrderAt(service.url, "alice"));
    expect(await own.established).toMatchObject({ current_status: "pending" });
    own.close();
    const others = await listen(backend, await registerOrderAt(service.url, "bob"));
    expect((await others.closed.promise).code).toBe(4003);
  } finally {
    await backend.stop();
  }
}
