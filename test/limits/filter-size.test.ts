import { evictDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { silence } from "../support/leak-guard/console.ts";
import { CONNECTIONS_PER_USER } from "../support/low-limits.ts";
import { connect, productsObject, publish } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

/** A filter that is too large to store is refused, and does not count as a connection. */

afterEach(() => {
  vi.restoreAllMocks();
});

const user = () => `user-${crypto.randomUUID()}`;
const emojiIds = (count: number) => Array.from({ length: count }, (_, i) => `${i + 10}${"🍵".repeat(80)}`);
const PROTOCOL_ERROR = { code: 4005, reason: "Protocol error" };

async function connections(): Promise<number> {
  return productsObject().countListeners();
}

test("fifty product ids of 80 emoji in the URL close with 4005, not 500", async () => {
  const token = await mintToken({ subject: user() });
  const socket = await connect("products", { token, query: { product_id: emojiIds(50) } });
  expect(await socket.closed()).toEqual(PROTOCOL_ERROR);
});

test("fifty product ids of 80 emoji that several messages add up to close with 4005, not 4200", async () => {
  const token = await mintToken({ subject: user() });
  const socket = await connect("products", { token, query: { product_id: "p" } });
  await socket.frame();
  const ids = emojiIds(49);
  for (let i = 0; i < ids.length; i += 7) {
    socket.send(JSON.stringify({ type: "subscribe", product_ids: ids.slice(i, i + 7) }));
  }
  expect(await socket.closed()).toEqual(PROTOCOL_ERROR);
});

test("the largest filter fits beside the longest names of a user, and survives hibernation", async () => {
  const subject = "ｕ".repeat(256);
  const ids = Array.from({ length: 50 }, (_, i) => `${i + 10}${"€".repeat(126)}`);
  const token = await mintToken({ subject });
  const socket = await connect("products", { token, query: { product_id: ids } });
  expect((await socket.frame()).type).toBe("connection_established");
  await evictDurableObject(productsObject());
  await publish("products", { type: "product_deleted", data: { product_id: ids[49] } });
  expect((await socket.frame()).type).toBe("product_deleted");
  socket.close();
});

test("a write that fails changes no count: the user still has as many sockets as before", async () => {
  const subject = user();
  const token = await mintToken({ subject });
  const before = await connections();
  const sockets = [];
  for (let i = 0; i < CONNECTIONS_PER_USER; i++) {
    const socket = await connect("products", { token });
    await socket.frame();
    sockets.push(socket);
  }
  // Attachments that are too large to write, as an id of another kind might be.
  const write = vi.spyOn(WebSocket.prototype, "serializeAttachment").mockImplementationOnce(() => {
    throw new Error("it fails for the test");
  });
  silence();
  sockets[0]?.send(JSON.stringify({ type: "subscribe", product_ids: ["p"] }));
  expect(await sockets[0]?.closed()).toEqual({ code: 4200, reason: "Going away" });
  write.mockRestore();
  sockets[0]?.close();

  // One place is free again, and no more than one.
  await vi.waitFor(async () => expect(await connections()).toBe(before + CONNECTIONS_PER_USER - 1));
  const again = await connect("products", { token });
  expect((await again.frame()).type).toBe("connection_established");
  expect(await (await connect("products", { token })).closed()).toEqual({ code: 4110, reason: "Too many connections" });
  for (const socket of [...sockets.slice(1), again]) socket.close();
});
