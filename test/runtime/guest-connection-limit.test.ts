import { afterAll, beforeAll, expect, test } from "vitest";
import { callService, NodeListener, registerOrderAt } from "../support/node-client.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ RATE_LIMITS: "", MAX_CONNECTIONS_PER_USER: "1" });
});
afterAll(() => service.stop());

test("a guest connection counts against the ticket it uses now, not against the ticket it was opened with", async () => {
  const order = await registerOrderAt(service.url);
  const ticket = async () => {
    const response = await callService(service.url, "POST", `orders/${order}/tickets`, {});
    return ((await response.json()) as { token: string }).token;
  };
  const listen = (token: string) =>
    new NodeListener(`${service.url.replace("http", "ws")}/api/v1/ws/orders/${order}?token=${token}`, []);
  const [first, next] = [await ticket(), await ticket()];
  const socket = listen(first);
  await socket.established;
  expect((await listen(first).closed.promise).code).toBe(4110);
  socket.send(JSON.stringify({ type: "authenticate", token: next }));
  const again = () =>
    listen(first).established.then(
      () => "open",
      () => "refused",
    );
  await expect.poll(again, { timeout: 15_000 }).toBe("open");
  expect((await listen(next).closed.promise).code).toBe(4110);
});
