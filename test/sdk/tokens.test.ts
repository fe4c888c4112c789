import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { useOrderUpdates } from "../../src/sdk/hooks/vue.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { listenToOrder, publishAt, seqsOf } from "./support/listener.ts";
import { inPage } from "./support/vue-page.ts";

/** Tokens that expire, are refused, or arrive late, against the real service. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

const listen = (id: string, options: Parameters<typeof listenToOrder>[2]) => listenToOrder(service.url, id, options);
const ship = (id: string) => publishAt(service.url, `orders/${id}`, "order_shipped", {});

test("a connection outlives its tokens without an interruption", { timeout: 60_000 }, async () => {
  const id = await registerOrderAt(service.url);
  const ends: number[] = [];
  const { received } = listen(id, {
    getToken: () => {
      ends.push(Date.now() + 6000);
      return mintToken({ expiresIn: 6 });
    },
  });
  await received.reaches("live");
  // By then the first token has expired, and without a newer one the service would have closed the socket.
  await eventually(() => expect(ends.length).toBeGreaterThanOrEqual(3));
  await eventually(() => expect(Date.now()).toBeGreaterThan(Number(ends[0])));
  await ship(id);
  await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
  expect(received.states).toEqual(["live"]);
});

test("an expired token is replaced by a fresh one, once", async () => {
  const id = await registerOrderAt(service.url);
  const calls: string[] = [];
  const { received } = listen(id, {
    getToken: () => {
      calls.push("token");
      return mintToken({ expiresIn: calls.length === 1 ? -1 : 600 });
    },
  });
  await received.reaches("live");
  expect(calls).toHaveLength(2);

  const hopeless = listen(id, { getToken: () => mintToken({ expiresIn: -1, claims: { jti: crypto.randomUUID() } }) });
  expect((await hopeless.received.reaches("closed")).reason).toEqual({
    code: 4001,
    name: "unauthenticated",
    message: "Token expired",
    userMustAct: true,
  });
});

test("a fixed token that is refused is not retried", async () => {
  const id = await registerOrderAt(service.url);
  const { connection, received } = listen(id, { getToken: undefined, token: await mintToken({ expiresIn: -1 }) });
  expect((await received.reaches("closed")).reason.message).toBe("Token expired");
  expect(connection.position).toBeNull();
});

test("a client that was disconnected learns why and stays closed until the page reconnects", async () => {
  const id = await registerOrderAt(service.url);
  let tokens = 0;
  const { connection, received } = listen(id, {
    getToken: () => {
      tokens++;
      return mintToken();
    },
  });
  await received.reaches("live");
  await callService(service.url, "POST", "disconnect", { channel: `order_${id}`, user_id: "alice" });
  expect((await received.reaches("closed")).reason).toMatchObject({
    code: 4001,
    message: "Disconnected by the service",
  });
  expect(tokens).toBe(1);
  await ship(id);
  connection.reconnect();
  await received.reaches("live");
  expect(seqsOf(received.events)).toEqual([1]);
});

test("a token provider that fails is called again, and the status has its last error", async () => {
  const id = await registerOrderAt(service.url);
  const answers: (() => string | Promise<string>)[] = [
    () => Promise.reject(new Error("the login service is down")),
    () => {
      throw new Error("still down");
    },
    async () => `"${await mintToken()}"`,
    async () => `Bearer ${await mintToken()}`,
    async () => `${await mintToken()}\n`,
    () => "<html>503 Service Unavailable</html>",
    // What untyped code gets from `answer.token` if the answer has no token.
    () => undefined as unknown as string,
    mintToken,
  ];
  const { received } = listen(id, {
    tuning: { firstBackoffMs: 50, minRetryMs: 50, maxBackoffMs: 50 },
    getToken: () => (answers.shift() ?? mintToken)(),
  });
  expect(await received.reaches("live")).toEqual({ state: "live", isStale: false, recovered: false });
  const causes = received.statuses.flatMap((status) => ("cause" in status && status.cause ? [status.cause] : []));
  expect(causes.every(({ code, name }) => code === 0 && name === "no_token")).toBe(true);
  expect(causes.map(({ message }) => message)).toEqual([
    "the login service is down",
    "still down",
    // The same four times, and reported once.
    "getToken returned string, not a JWT",
    "getToken returned undefined, not a JWT",
  ]);
});

test("a slow token provider is never called twice at once, and its late token is used", async () => {
  const id = await registerOrderAt(service.url);
  let inFlight = 0;
  let calls = 0;
  let answer = () => {};
  const { connection, received } = listen(id, {
    tuning: { connectTimeoutMs: 300, firstBackoffMs: 50, minRetryMs: 50 },
    getToken: async () => {
      calls++;
      expect(++inFlight).toBe(1);
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      inFlight--;
      return mintToken();
    },
  });
  await eventually(() => expect(received.status).toMatchObject({ cause: { message: "No token yet" } }));
  answer();
  await received.reaches("live");
  expect(calls).toBe(1);
  // The page has a new token: the call in flight is outdated.
  connection.refreshToken();
  connection.refreshToken();
  for (const expected of [2, 3]) {
    await eventually(() => expect(calls).toBe(expected));
    answer();
  }
  await eventually(() => expect([calls, inFlight]).toEqual([3, 0]));
});

test("a token of another user starts a new connection as that user", async () => {
  const [alices, bobs] = [await registerOrderAt(service.url), await registerOrderAt(service.url, "bob")];
  let subject = "alice";
  const ofAlice = listen(alices, { getToken: () => mintToken({ subject }) });
  await ofAlice.received.reaches("live");
  await ship(alices);
  await eventually(() => expect(seqsOf(ofAlice.received.events)).toEqual([1]));
  subject = "bob";
  ofAlice.connection.refreshToken();
  expect((await ofAlice.received.reaches("closed")).reason.name).toBe("access_denied");

  subject = "admin";
  const claims = { subject: "admin", role: "admin" };
  const ofAdmin = listen(bobs, { getToken: () => (subject === "admin" ? mintToken(claims) : mintToken({ subject })) });
  await ofAdmin.received.reaches("live");
  await ship(bobs);
  await eventually(() => expect(seqsOf(ofAdmin.received.events)).toEqual([1]));
  subject = "bob";
  ofAdmin.connection.refreshToken();
  await eventually(() => expect(ofAdmin.received.snapshots).toHaveLength(2));
  expect(ofAdmin.received.snapshots[1]).toMatchObject({ seq: 1, resumed: null, current_status: "shipped" });
  expect(ofAdmin.received.gaps).toMatchObject([{ from: { seq: 1 }, to: { seq: 1 } }]);
  await ship(bobs);
  await eventually(() => expect(seqsOf(ofAdmin.received.events)).toEqual([1, 2]));
});

test("tokens appear neither in the URL nor in the storage", async () => {
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
    const { received } = listen(id, { getToken: () => token, storage });
    await received.reaches("live");
    expect(urls).toHaveLength(1);
    expect(stored).not.toHaveLength(0);
    for (const text of [...urls, ...stored]) expect(text).not.toContain(token);
  } finally {
    globalThis.WebSocket = Native;
  }
});

test("of two components with a token each, the newer token is used, whichever component mounted first", async () => {
  // Composables without a component connect in pages only.
  const orderId = await registerOrderAt(service.url);
  const ends = Date.now() + 3000;
  const tokens = [await mintToken({ expiresIn: 3 }), await mintToken()];
  const updates = tokens.map((token) => inPage(() => useOrderUpdates(orderId, { url: service.url, token })));
  await eventually(() => expect(Date.now()).toBeGreaterThan(ends));
  await ship(orderId);
  await eventually(() => expect(updates.map(({ lastEvent }) => lastEvent.value?.seq)).toEqual([1, 1]));
  expect(updates.map(({ error }) => error.value)).toEqual([null, null]);
});

test("a guest's next ticket continues from the position, because it admits to the same order", async () => {
  const id = await registerOrderAt(service.url);
  const getToken = async () => {
    const response = await callService(service.url, "POST", `orders/${id}/tickets`, {});
    return z.object({ token: z.string() }).parse(await response.json()).token;
  };
  const { connection, received } = listen(id, { getToken });
  await received.reaches("live");
  connection.refreshToken();
  await ship(id);
  await eventually(() => expect(seqsOf(received.events)).toEqual([1]));
  connection.reconnect();
  await eventually(() => expect(received.states).toEqual(["live", "recovering", "live"]));
  await ship(id);
  await eventually(() => expect(seqsOf(received.events)).toEqual([1, 2]));
  expect(received.gaps).toEqual([]);
});
