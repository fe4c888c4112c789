import { describe, expect, test } from "vitest";
import { connect, publish, registerOrder, serviceRequest } from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

/** What happened under one owner is not for another: neither by replay nor in the middle of a batch. */

const positionOf = async (id: string) =>
  (await serviceRequest("GET", `/api/v1/orders/${id}`)).json<{ epoch: string; seq: number }>();
const orderOf = (user_id: string) => ({ user_id, status: "pending", payment_status: "pending" });

async function resume(id: string, token: string, { epoch, seq }: { epoch: string; seq: number }) {
  return connect(`orders/${id}`, { token, query: { since: String(seq), epoch } });
}

describe("a new owner", () => {
  const ways: [string, (id: string) => Promise<unknown>][] = [
    ["registered", (id) => serviceRequest("PUT", `/api/v1/orders/${id}`, orderOf("bob"))],
    ["named by an event", (id) => publish(`orders/${id}`, { type: "order_shipped", data: {}, order: orderOf("bob") })],
  ];
  for (const [name, change] of ways) {
    test(`${name}: does not replay what happened under the former one`, async () => {
      const id = await registerOrder("alice");
      const before = await positionOf(id);
      await publish(`orders/${id}`, { type: "order_shipped", data: { to: "Alice Street 1" } });
      await change(id);
      const bob = await resume(id, await mintToken({ subject: "bob" }), before);
      expect((await bob.frame()).data.resumed).toBe(false);
      expect(await bob.settle()).toEqual([]);
    });

    test(`${name}: resumes from any position since then`, async () => {
      const id = await registerOrder("alice");
      await change(id);
      const since = await positionOf(id);
      await publish(`orders/${id}`, { type: "order_delivered", data: {} });
      const bob = await resume(id, await mintToken({ subject: "bob" }), since);
      expect((await bob.frame()).data.resumed).toBe(true);
      expect((await bob.frame()).type).toBe("order_delivered");
    });
  }

  test("who is the first one known may replay what came before", async () => {
    const id = crypto.randomUUID();
    await publish(`orders/${id}`, { type: "order_shipped", data: {} });
    const { epoch } = await positionOf(id);
    await serviceRequest("PUT", `/api/v1/orders/${id}`, { ...orderOf("alice"), status: "shipped" });
    const alice = await resume(id, await mintToken(), { epoch, seq: 0 });
    expect((await alice.frame()).data.resumed).toBe(true);
    expect((await alice.frame()).type).toBe("order_shipped");
  });
});

test("an owner who is none in the middle of a batch receives nothing of it, and reconnects to the state as it is", async () => {
  const id = await registerOrder("alice");
  const alice = await connect(`orders/${id}`, { token: await mintToken() });
  const admin = await connect(`orders/${id}`, { token: await adminToken() });
  const { data } = await alice.frame();
  await admin.frame();
  const event = (user: string, to: string) => ({
    channel: `order_${id}`,
    type: "order_shipped",
    data: { to },
    order: orderOf(user),
  });
  await serviceRequest("POST", "/api/v1/publish/batch", {
    events: [event("bob", "Bob Street 1"), event("alice", "Alice Street 1")],
  });
  expect((await alice.closed()).code).toBe(4200);
  expect(alice.drain()).toEqual([]);
  expect((await admin.frames(2)).map((frame) => frame.data.to)).toEqual(["Bob Street 1", "Alice Street 1"]);
  const again = await resume(id, await mintToken(), { epoch: String(data.epoch), seq: Number(data.seq) });
  expect((await again.frame()).data.resumed).toBe(false);
  expect(await again.settle()).toEqual([]);
});
