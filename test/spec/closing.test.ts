import { describe, expect, test } from "vitest";
import { connect, registerOrder, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** A tidings.v1 client learns of a close in a frame: the runtime ends the connection seconds later. */

const v1 = (token: string) => ({ headers: { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } });

describe("before the service closes a socket", () => {
  test("a tidings.v1 client receives the code, the reason and that the close is final", async () => {
    const id = await registerOrder();
    const socket = await connect(`orders/${id}`, v1(await mintToken()));
    await socket.frame();
    await serviceRequest("POST", "/api/v1/disconnect", { channel: `order_${id}` });
    const reason = "Disconnected by the service";
    expect(await socket.frame()).toEqual({ type: "closing", data: { code: 4001, reason, retry_after_ms: null } });
    expect(await socket.closed()).toEqual({ code: 4001, reason });
  });

  test("and when to come back, where that makes sense", async () => {
    const id = await registerOrder();
    const socket = await connect(`orders/${id}`, v1(await mintToken()));
    await socket.frame();
    for (let n = 0; n < 30; n++) socket.send('{"type":"ack","seq":0}');
    const { data } = await socket.frame();
    expect(data).toMatchObject({ code: 4129, reason: "Too many requests" });
    expect(data.retry_after_ms).toBeGreaterThanOrEqual(1000);
    expect(data.retry_after_ms).toBeLessThanOrEqual(10_000);
  });

  test("a refused handshake says so, too", async () => {
    const socket = await connect("orders/not-a-uuid", v1(await mintToken()));
    expect((await socket.frame()).data).toEqual({
      code: 4000,
      reason: "Invalid order ID format",
      retry_after_ms: null,
    });
    expect((await socket.closed()).code).toBe(4000);
  });

  test("a plain client gets no frame that the original did not send", async () => {
    const id = await registerOrder();
    const token = await mintToken();
    const socket = await connect(`orders/${id}`, { token });
    await socket.frame();
    await serviceRequest("POST", "/api/v1/disconnect", { channel: `order_${id}` });
    expect((await socket.closed()).code).toBe(4001);
    expect(socket.drain()).toEqual([]);
    const refused = await connect("orders/not-a-uuid", { token });
    expect((await refused.closed()).code).toBe(4000);
    expect(refused.drain()).toEqual([]);
  });
});

test("a client that acknowledges what was never sent is closed with 4005", async () => {
  const id = await registerOrder();
  const socket = await connect(`orders/${id}`, v1(await mintToken()));
  await socket.frame();
  socket.send(JSON.stringify({ type: "ack", seq: Number.MAX_SAFE_INTEGER }));
  expect((await socket.closed()).code).toBe(4005);
});
