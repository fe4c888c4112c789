import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, startWorkerd, type Workerd } from "../support/workerd.ts";

/** The SDK inside a Worker, where there is no page and the sockets are the runtime's. */

let service: Workerd;
let worker: Workerd;
beforeAll(async () => {
  service = await startTidings();
  worker = await startWorkerd({ entry: "test/sdk/support/worker.ts" });
});
afterAll(async () => {
  await worker.stop();
  await service.stop();
});

const ask = async (order: string, token: string) =>
  fetch(`${worker.url}?${new URLSearchParams({ url: service.url, order, token })}`);

test("a Worker listens to an order", async () => {
  const order = await registerOrderAt(service.url);
  const answer = ask(order, await mintToken());
  await eventually(async () => {
    const health = await callService(service.url, "GET", "ws/health");
    expect(await health.json()).toMatchObject({ total_connections: 1 });
  });
  await callService(service.url, "POST", `publish/orders/${order}`, {
    type: "order_shipped",
    data: { carrier: "UPS" },
  });
  const { event, position } = (await (await answer).json()) as { event: unknown; position: unknown };
  expect(event).toMatchObject({ type: "order_shipped", data: { carrier: "UPS" }, seq: 1 });
  expect(position).toMatchObject({ seq: 1 });
});

test("a Worker learns why it was refused", async () => {
  const response = await ask(await registerOrderAt(service.url), await mintToken({ subject: "mallory" }));
  expect([response.status, await response.text()]).toEqual([502, "Error: access_denied"]);
});
