import { expect, test } from "vitest";
import { PLAIN_BYTES_PER_MINUTE } from "../support/low-limits.ts";
import { connect, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** Plain clients cannot acknowledge, so what they are sent within a minute is bounded. */

const EVENT_BYTES = 20_000;
const note = { type: "order_cancelled", data: { reason: "x".repeat(EVENT_BYTES) } };

/** In one call, so that no minute ends in between. */
const publishMany = (id: string, count: number) =>
  serviceRequest("POST", "/api/v1/publish/batch", { events: Array(count).fill({ ...note, channel: `order_${id}` }) });

const within = Math.floor(PLAIN_BYTES_PER_MINUTE / (EVENT_BYTES + 200));

test("a plain client that is sent as much as it may be stays", async () => {
  const id = await registerOrder();
  const plain = await connect(`orders/${id}`, { token: await mintToken() });
  await plain.frame();
  await publishMany(id, within);
  expect(await plain.frames(within)).toHaveLength(within);
  expect(await plain.settle()).toEqual([]);
});

test("one that is sent more is closed with 4108 and may resume; a tidings.v1 client is not affected", async () => {
  const id = await registerOrder();
  const token = await mintToken();
  const plain = await connect(`orders/${id}`, { token });
  const v1 = await connect(`orders/${id}`, { headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } });
  const { epoch } = (await plain.frame()).data;
  await v1.frame();
  await publishMany(id, within + 1);
  expect(await plain.closed()).toEqual({ code: 4108, reason: "Too slow" });
  expect(await v1.frames(within + 1)).toHaveLength(within + 1);
  const again = await connect(`orders/${id}`, { token, query: { since: String(within), epoch: String(epoch) } });
  expect((await again.frame()).data.resumed).toBe(true);
});
