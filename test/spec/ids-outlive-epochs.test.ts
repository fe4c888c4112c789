import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { hashId } from "../../src/channels/log/id-index.ts";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { connect, hibernateAll, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/**
 * The same id is applied once, also after a wake, a gap and in a new epoch; and no replay reaches back across an epoch.
 */

const positionOf = async (id: string) =>
  (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<{ epoch: string; seq: number }>();

async function resume(id: string, { epoch, seq }: { epoch: string; seq: number }) {
  return connect(`orders/${id}`, { token: await mintToken(), query: { since: String(seq), epoch } });
}

async function orderWithGap() {
  const id = await registerOrder();
  const event = { type: "order_shipped", data: { carrier: "UPS" }, id: "shipped" };
  await publish(`orders/${id}`, event);
  const before = await positionOf(id);
  await env.ORDER_CHANNEL.getByName(`order_${id}`).declareGap(Date.now() + 1);
  return { id, event, before };
}

describe("[promise 4] after a wake", () => {
  const batch = async (ids: string[]) => {
    const event = { channel: "products", type: "product_updated", data: { product_id: "p" } };
    const events = ids.map((id) => ({ ...event, id }));
    const response = await serviceRequest("POST", "/api/v1/publish/batch", { events });
    const { results } = await response.json<{ results: PublishResult[] }>();
    return results.map(({ status, seq }) => ({ status, seq }));
  };

  test("each product event in the history is still known, and no other", async () => {
    // More than two chunks of ids.
    const ids = Array.from({ length: 700 }, () => crypto.randomUUID());
    const first = await batch(ids);
    expect(first.every(({ status }) => status === "applied")).toBe(true);
    await hibernateAll();
    const [unknown, ...known] = await batch([crypto.randomUUID(), ...ids]);
    expect(unknown?.status).toBe("applied");
    expect(known).toEqual(first.map(({ seq }) => ({ status: "duplicate", seq })));
  });

  test("two ids with the same hash are two events", async () => {
    const [first, second] = idsWithOneHash();
    const [one] = await batch([first]);
    await hibernateAll();
    const [other] = await batch([second]);
    expect(other?.status).toBe("applied");
    await hibernateAll();
    expect(await batch([second, first])).toEqual([
      { status: "duplicate", seq: other?.seq },
      { status: "duplicate", seq: one?.seq },
    ]);
  });

  /** Among 2^31 hashes, about 50,000 ids are enough. */
  function idsWithOneHash(): [string, string] {
    const byHash = new Map<number, string>();
    for (;;) {
      const id = crypto.randomUUID();
      const other = byHash.get(hashId(id));
      if (other) return [other, id];
      byHash.set(hashId(id), id);
    }
  }
});

describe("[promise 4] after a gap", () => {
  test("a repeated publish is still a duplicate, with the position it had", async () => {
    const { id, event, before } = await orderWithGap();
    expect(await publish(`orders/${id}`, event)).toMatchObject({ status: "duplicate", seq: before.seq });
    await hibernateAll();
    expect(await publish(`orders/${id}`, event)).toMatchObject({ status: "duplicate", seq: before.seq });
  });

  test("the same id with another body is still a conflict", async () => {
    const { id, event } = await orderWithGap();
    const other = { ...event, data: { carrier: "DHL" } };
    expect((await serviceRequest("POST", `/api/v1/publish/orders/${id}`, other)).status).toBe(409);
  });

  test("a position of the old epoch is not resumed, and one of the new epoch is", async () => {
    const { id, before } = await orderWithGap();
    expect((await (await resume(id, before)).frame()).data.resumed).toBe(false);
    const now = await positionOf(id);
    expect(now.epoch).not.toBe(before.epoch);
    await publish(`orders/${id}`, { type: "order_delivered", data: {} });
    const socket = await resume(id, now);
    expect((await socket.frame()).data.resumed).toBe(true);
    expect((await socket.frame()).type).toBe("order_delivered");
  });

  test("the new epoch's name opens nothing of the old epoch", async () => {
    const { id } = await orderWithGap();
    const { epoch } = await positionOf(id);
    const socket = await resume(id, { epoch, seq: 0 });
    expect((await socket.frame()).data.resumed).toBe(false);
    expect(await socket.settle()).toEqual([]);
  });
});
