import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { advanceClock, stopClock } from "../support/clock.ts";
import { listen, orderObject, registerOrder } from "../support/service.ts";
import type { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `PLAIN_KEEPALIVE_SECONDS` (here 60): frames for clients that never ping, so that no network drops their connections. */

beforeEach(stopClock);
afterEach(() => {
  vi.useRealTimers();
});

const INTERVAL_MS = 60_000;
const KEEPALIVE = '{"type":"keepalive","data":{}}';
const alarmOf = (id: string) => runInDurableObject(orderObject(id), (_, { storage }) => storage.getAlarm());

/** Lets the time pass after which the alarm fires. */
async function pass(id: string): Promise<void> {
  advanceClock(INTERVAL_MS);
  expect(await runDurableObjectAlarm(orderObject(id))).toBe(true);
}

/** An order, and its owner's token, which lasts a day. */
async function orderWithToken(): Promise<{ id: string; token: string }> {
  const subject = crypto.randomUUID();
  return { id: await registerOrder(subject), token: await mintToken({ subject, expiresIn: 86_400 }) };
}

test("[promise 6] an hour costs 60 alarms and no other row, for any number of clients", async () => {
  const { id, token } = await orderWithToken();
  const sockets: TestSocket[] = [];
  for (let i = 0; i < 3; i++) sockets.push(await listen(`orders/${id}`, { token }));
  const before = await orderObject(id).usage();
  for (let minute = 0; minute < 60; minute++) await pass(id);
  const after = await orderObject(id).usage();
  expect(after.alarmsSet - before.alarmsSet).toBe(60);
  expect(after.rowsWritten - before.rowsWritten).toBe(0);
  for (const socket of sockets) {
    for (let minute = 0; minute < 60; minute++) expect(await socket.text()).toBe(KEEPALIVE);
    expect(await socket.settle()).toEqual([]);
  }
});

describe("no keep-alive is sent", () => {
  const cases: [string, (socket: TestSocket) => Promise<unknown>][] = [
    ["to a client that pings", (socket) => socket.settle()],
    [
      "to a client that pings in JSON",
      async (socket) => {
        socket.send('{"type":"ping"}');
        return socket.frame();
      },
    ],
  ];
  for (const [name, ping] of cases) {
    test(`${name}, and no alarm is set for it`, async () => {
      const { id, token } = await orderWithToken();
      const socket = await listen(`orders/${id}`, { token });
      await ping(socket);
      await pass(id);
      expect(await socket.settle()).toEqual([]);
      // The next is the idle timeout.
      expect(Number(await alarmOf(id))).toBeGreaterThan(Date.now() + 5 * INTERVAL_MS);
    });
  }

  test("to a tidings.v1 client, which must ping", async () => {
    const { id, token } = await orderWithToken();
    await listen(`orders/${id}`, { headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } });
    expect(Number(await alarmOf(id))).toBeGreaterThan(Date.now() + 5 * INTERVAL_MS);
  });
});
