import { afterAll, beforeAll, expect, test } from "vitest";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** In the bare runtime, which hibernates an object after ten seconds without work. */

const SOCKETS = 100;
const IDLE_MS = 15_000;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({}, "test/support/workers/logged-wakes.ts");
});
afterAll(() => service.stop());

test("[promise 6] after 15 s without work a channel with 100 open sockets has hibernated, and its next event reaches all 100", {
  timeout: 60_000,
}, async () => {
  const order = await registerOrderAt(service.url);
  const listeners = await Promise.all(
    Array.from({ length: SOCKETS }, () => listenAt(service.url, `orders/${order}`, { expiresIn: 3600 })),
  );
  const wakes = () => service.log.match(/^woke .*$/gm) ?? [];
  expect(wakes()).toEqual([`woke order_${order} with 0 sockets`]);

  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));

  const response = await callService(service.url, "POST", `publish/orders/${order}`, {
    type: "order_shipped",
    data: {},
  });
  expect(await response.json()).toMatchObject({ seq: 1, receivers: SOCKETS } satisfies Partial<PublishResult>);
  for (const listener of listeners) expect((await listener.receive(1))[0]?.seq).toBe(1);
  // The object was constructed again for this event, and for nothing before it.
  expect(wakes()).toEqual([`woke order_${order} with 0 sockets`, `woke order_${order} with ${SOCKETS} sockets`]);
  const alarm = service.log
    .match(/^alarm (\d+)$/gm)
    ?.at(-1)
    ?.replace("alarm ", "");
  expect(Number(alarm)).toBeGreaterThan(60_000);
  for (const listener of listeners) listener.close();
});
