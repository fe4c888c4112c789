import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { effectScope } from "vue";
import { useOrderUpdates } from "../../src/sdk/hooks/vue.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, publishAt, seqsOf } from "./support/listener.ts";

/** Tokens that end, are refused, or come late, against the service. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

const open: { close(): void }[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});
const listen = (id: string, options: Parameters<typeof listenToOrder>[2]) => {
  const listener = listenToOrder(service.url, id, options);
  open.push(listener.connection);
  return listener;
};
const ship = (id: string) => publishAt(service.url, `orders/${id}`, "order_shipped", {});

test("a connection outlives its tokens without a break", { timeout: 60_000 }, async () => {
  const id = await registerOrderAt(service.url);
  const ends: number[] = [];
  const { heard } = listen(id, {
    getToken: () => {
      ends.push(Date.now() + 6000);
      return mintToken({ expiresIn: 6 });
    },
  });
  await heard.reaches("live");
  // The third token is in use when the first one has ended, and the service lets nothing through after that.
  await eventually(() => expect(ends.length).toBeGreaterThanOrEqual(3));
  await eventually(() => expect(Date.now()).toBeGreaterThan(Number(ends[0])));
  await ship(id);
  await eventually(() => expect(seqsOf(heard.events)).toEqual([1]));
  expect(heard.states).toEqual(["live"]);
});

test("a token that ended while nobody listened is replaced by a fresh one, once", async () => {
  const id = await registerOrderAt(service.url);
  const asked: string[] = [];
  const { heard } = listen(id, {
    getToken: () => {
      asked.push("token");
      return mintToken({ expiresIn: asked.length === 1 ? -1 : 600 });
    },
  });
  await heard.reaches("live");
  expect(asked).toHaveLength(2);

  const hopeless = listen(id, { getToken: () => mintToken({ expiresIn: -1, claims: { jti: crypto.randomUUID() } }) });
  expect((await hopeless.heard.reaches("closed")).reason).toEqual({
    code: 4001,
    name: "unauthenticated",
    message: "Token expired",
    userMustAct: true,
  });
});

test("a plain token that is refused is not tried over and over", async () => {
  const id = await registerOrderAt(service.url);
  const { connection, heard } = listen(id, { getToken: undefined, token: await mintToken({ expiresIn: -1 }) });
  expect((await heard.reaches("closed")).reason.message).toBe("Token expired");
  expect(connection.position).toBeNull();
});

test("one whose right was withdrawn is told so, and stays away until the page says otherwise", async () => {
  const id = await registerOrderAt(service.url);
  let tokens = 0;
  const { connection, heard } = listen(id, {
    getToken: () => {
      tokens++;
      return mintToken();
    },
  });
  await heard.reaches("live");
  await callService(service.url, "POST", "disconnect", { channel: `order_${id}`, user_id: "alice" });
  expect((await heard.reaches("closed")).reason).toMatchObject({ code: 4001, message: "Disconnected by the service" });
  expect(tokens).toBe(1);
  await ship(id);
  connection.reconnect();
  await heard.reaches("live");
  expect(seqsOf(heard.events)).toEqual([1]);
});

test("a token provider that fails or hangs is asked again", async () => {
  const id = await registerOrderAt(service.url);
  let calls = 0;
  const { heard } = listen(id, {
    tuning: { connectTimeoutMs: 500, firstBackoffMs: 50, minRetryMs: 50 },
    getToken: () => {
      calls++;
      if (calls === 1) return Promise.reject(new Error("the login service is away"));
      if (calls === 2) throw new Error("so it is");
      if (calls === 3) return new Promise<string>(() => {});
      return mintToken();
    },
  });
  await heard.reaches("live");
  expect(calls).toBe(4);
});

test("no token is in the URL or in what is stored", async () => {
  const id = await registerOrderAt(service.url);
  const urls: string[] = [];
  const stored: string[] = [];
  const { WebSocket: Native } = globalThis;
  globalThis.WebSocket = class extends Native {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      urls.push(String(url));
    }
  };
  try {
    const token = await mintToken();
    const storage = { getItem: () => null, setItem: (key: string, value: string) => void stored.push(key, value) };
    const { heard } = listen(id, { getToken: () => token, storage });
    await heard.reaches("live");
    expect(urls).toHaveLength(1);
    expect(stored).not.toHaveLength(0);
    for (const text of [...urls, ...stored]) expect(text).not.toContain(token);
  } finally {
    globalThis.WebSocket = Native;
  }
});

test("of two components with a token each, the newer token counts, whichever component came first", async () => {
  const orderId = await registerOrderAt(service.url);
  const ends = Date.now() + 3000;
  const tokens = [await mintToken({ expiresIn: 3 }), await mintToken()];
  const scopes = tokens.map((token) => {
    const scope = effectScope();
    return { scope, updates: scope.run(() => useOrderUpdates(orderId, { url: service.url, token })) };
  });
  await eventually(() => expect(Date.now()).toBeGreaterThan(ends));
  await ship(orderId);
  await eventually(() => expect(scopes.map(({ updates }) => updates?.lastEvent.value?.seq)).toEqual([1, 1]));
  expect(scopes.map(({ updates }) => updates?.error.value)).toEqual([null, null]);
  for (const { scope } of scopes) scope.stop();
});
