import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, seqsOf, upTo } from "./support/listener.ts";

/** Many interruptions in a row while events are published. */

const INTERRUPTIONS = 50;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ HISTORY_LIMIT: "100000" });
});
afterAll(() => service.stop());

test(`${INTERRUPTIONS} interruptions, half of them kill -9, while events are published: none is missed or repeated`, async () => {
  const id = await registerOrderAt(service.url);
  let attempts = 0;
  const { connection, received } = listenToOrder(service.url, id, {
    getToken: () => {
      attempts++;
      return mintToken();
    },
    // The process may start slowly on a busy machine. The test is about what is received, not when.
    tuning: { firstBackoffMs: 500, minRetryMs: 100, maxBackoffMs: 2000 },
  });
  await received.reaches("live");

  let last = 0;
  let isPublishing = true;
  const publishing = (async () => {
    for (let n = 0; isPublishing; n++) {
      // Without an answer, the publisher repeats the event with the same id.
      for (let answer = 0; answer !== 200; ) {
        const body = { type: "order_shipped", data: {}, id: `event-${n}` };
        const response = await callService(service.url, "POST", `publish/orders/${id}`, body).catch(() => null);
        answer = response?.status ?? 0;
        if (response?.ok) last = Math.max(last, ((await response.json()) as { seq: number }).seq);
        else await new Promise(setImmediate);
      }
    }
  })();

  for (let i = 0; i < INTERRUPTIONS; i++) {
    const lives = received.states.filter((state) => state === "live").length;
    if (i % 2 === 0) await service.restart();
    // In place of a page that enters and leaves the back-forward cache.
    else {
      connection.close();
      connection.reconnect();
    }
    await eventually(() => expect(received.states.filter((state) => state === "live").length).toBeGreaterThan(lives));
  }
  isPublishing = false;
  await publishing;
  await eventually(() => expect(connection.position?.seq).toBe(last));
  expect(seqsOf(received.events)).toEqual(upTo(last));
  expect(received.gaps).toEqual([]);
  connection.close();
  console.log(`${INTERRUPTIONS} interruptions, ${attempts} attempts, ${last} events`);
  // A few attempts fail while the process starts.
  expect(attempts).toBeLessThanOrEqual(INTERRUPTIONS * 4);
});
