import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { connect, listen, orderObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import type { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `TOKEN_END=keep`: plain clients stay past their token's end, for a while. */

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A token that ends after 15 minutes. */
const SHORT = { expiresIn: 15 * 60 };
const shipped = { type: "order_shipped", data: {} };

/** An order of a user of its own, because connects per user are limited. */
async function orderOf(): Promise<{ id: string; user: string }> {
  const user = crypto.randomUUID();
  return { id: await registerOrder(user), user };
}

/** Fires the channel's alarm, as the runtime does when its time has come, until nothing is due. */
async function maintain(id: string): Promise<void> {
  await evictDurableObject(orderObject(id));
  await runDurableObjectAlarm(orderObject(id));
}

const closeCode = async (socket: TestSocket) => (await socket.closed()).code;

describe("a plain client past its token's end, with TOKEN_END=keep,", () => {
  test("keeps receiving for 12 hours, across hibernation, and is then closed with 4001", async () => {
    const { id, user } = await orderOf();
    // A token's end is in whole seconds.
    const end = Math.floor(Date.now() / 1000) * 1000 + 15 * MINUTE + 12 * HOUR;
    const socket = await listen(`orders/${id}`, { token: await mintToken({ subject: user, ...SHORT }) });
    advanceClock(16 * MINUTE);
    await maintain(id);
    expect((await socket.frame()).type).toBe("keepalive");
    expect((await publish(`orders/${id}`, shipped)).receivers).toBe(1);
    expect((await socket.frame()).type).toBe("order_shipped");
    advanceClock(end - Date.now());
    expect((await publish(`orders/${id}`, shipped)).receivers).toBe(0);
    expect(await closeCode(socket)).toBe(4001);
  });

  test("is closed at once when the order changes its owner", async () => {
    const { id, user } = await orderOf();
    const socket = await listen(`orders/${id}`, { token: await mintToken({ subject: user, ...SHORT }) });
    advanceClock(HOUR);
    const registration = { user_id: "another", status: "pending", payment_status: "pending" };
    expect((await serviceRequest("PUT", `/api/v1/orders/${id}`, registration)).status).toBe(200);
    expect(await closeCode(socket)).toBe(4003);
  });

  test("needs a valid token to connect again", async () => {
    const { id, user } = await orderOf();
    const token = await mintToken({ subject: user, ...SHORT });
    await listen(`orders/${id}`, { token });
    advanceClock(HOUR);
    expect(await closeCode(await connect(`orders/${id}`, { token }))).toBe(4001);
  });
});

describe("is closed with its token, also with TOKEN_END=keep:", () => {
  const cases: [string, (id: string, user: string) => Promise<TestSocket>][] = [
    [
      "an admin",
      async (id) =>
        listen(`orders/${id}`, { token: await mintToken({ subject: crypto.randomUUID(), role: "admin", ...SHORT }) }),
    ],
    [
      "a guest with a ticket",
      async (id) => {
        const answer = await serviceRequest("POST", `/api/v1/orders/${id}/tickets`, { ttl_seconds: SHORT.expiresIn });
        return listen(`orders/${id}`, { token: (await answer.json<{ token: string }>()).token });
      },
    ],
    [
      "a tidings.v1 client",
      async (id, user) => {
        const token = await mintToken({ subject: user, ...SHORT });
        return listen(`orders/${id}`, { headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } });
      },
    ],
  ];
  for (const [name, open] of cases) {
    test(name, async () => {
      const { id, user } = await orderOf();
      const socket = await open(id, user);
      advanceClock(15 * MINUTE);
      await maintain(id);
      expect(await closeCode(socket)).toBe(4001);
    });
  }
});

test("no frame of any kind follows a token's end, that of a new epoch included", async () => {
  const { id } = await orderOf();
  const socket = await listen(`orders/${id}`, { token: await mintToken({ subject: "boss", role: "admin", ...SHORT }) });
  advanceClock(15 * MINUTE);
  await orderObject(id).declareGap(Date.now() + 1);
  expect(await closeCode(socket)).toBe(4001);
  expect(socket.drain()).toEqual([]);
});
