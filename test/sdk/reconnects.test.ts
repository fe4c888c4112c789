import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, seqsOf, upTo } from "./support/listener.ts";

/** Many breaks in a row, with publishing going on. */

const BREAKS = 50;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ HISTORY_LIMIT: "100000" });
});
afterAll(() => service.stop());

test(`${BREAKS} breaks, half of them kill -9, with publishing going on: no event missed, none twice`, {
  timeout: 240_000,
}, async () => {
  const id = await registerOrderAt(service.url);
  let tries = 0;
  const { connection, heard } = listenToOrder(service.url, id, {
    getToken: () => {
      tries++;
      return mintToken();
    },
    // A machine that is busy makes a process slow to start; the test is about what is heard, not about when.
    tuning: { firstBackoffMs: 500, minRetryMs: 100, maxBackoffMs: 2000 },
  });
  await heard.reaches("live");

  let last = 0;
  let isPublishing = true;
  const publishing = (async () => {
    for (let n = 0; isPublishing; n++) {
      // A publisher that hears nothing repeats itself, with the same id.
      for (let answer = 0; answer !== 200; ) {
        const body = { type: "order_shipped", data: {}, id: `event-${n}` };
        const response = await callService(service.url, "POST", `publish/orders/${id}`, body).catch(() => null);
        answer = response?.status ?? 0;
        if (response?.ok) last = Math.max(last, ((await response.json()) as { seq: number }).seq);
        else await new Promise(setImmediate);
      }
    }
  })();

  for (let i = 0; i < BREAKS; i++) {
    const lives = heard.states.filter((state) => state === "live").length;
    if (i % 2 === 0) await service.restart();
    // A page that goes into the back-forward cache and comes back breaks the connection, too; in Node, closing does.
    else {
      connection.close();
      connection.reconnect();
    }
    await eventually(() => expect(heard.states.filter((state) => state === "live").length).toBeGreaterThan(lives));
  }
  isPublishing = false;
  await publishing;
  await eventually(() => expect(connection.position?.seq).toBe(last));
  expect(seqsOf(heard.events)).toEqual(upTo(last));
  expect(heard.gaps).toEqual([]);
  connection.close();
  console.log(`${BREAKS} breaks, ${tries} tries, ${last} events`);
  // While a process starts, a few tries fail.
  expect(tries).toBeLessThanOrEqual(BREAKS * 4);
});
