import { afterAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { pageCatalogue } from "../../../src/site/demo/build-demo.ts";

/** A socket that does what the test says. */
class ScriptedSocket extends EventTarget {
  static all: ScriptedSocket[] = [];
  isClosed = false;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor() {
    super();
    ScriptedSocket.all.push(this);
  }

  close(): void {
    this.isClosed = true;
  }
}

vi.stubGlobal("WebSocket", ScriptedSocket);
vi.stubGlobal("location", { origin: "https://tidings.example" });
vi.stubGlobal("CATALOGUE", pageCatalogue());
const { dropSockets, socketStats, statsOf } = await import("../../../src/site/demo/page/state/sockets.ts");
const { ChannelLog } = await import("../../../src/site/demo/page/state/channel-log.ts");
const { decodeToken } = await import("../../../src/site/demo/page/state/credentials.ts");
const { publishEvent } = await import("../../../src/site/demo/page/service/publish.ts");
const { slotKind } = await import("../../../src/site/demo/page/state/drill.ts");
const { pageTime } = await import("../../../src/site/demo/page/state/round-trips.ts");
const { changeProduct, onShopFloor } = await import("../../../src/site/demo/page/state/shop-floor.ts");
const { EARLIER_EVENTS, productsStartingPosition } = await import(
  "../../../src/site/demo/page/state/starting-position.ts"
);

/** What the demo page knows of its connections. */

const TOKEN = "header.claims.signature";
const MINUTE_MS = 60_000;

beforeEach(() => {
  ScriptedSocket.all = [];
  vi.useFakeTimers();
  return () => void vi.useRealTimers();
});
afterAll(() => void vi.unstubAllGlobals());

test("the service refuses a key that no header can carry", async () => {
  const { fetch } = globalThis;
  onTestFinished(() => void vi.stubGlobal("fetch", fetch));
  const service = ({ headers }: Request) =>
    Response.json({}, { status: headers.get("Authorization") === "Bearer ????-key" ? 401 : 500 });
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) =>
    service(new Request(`https://tidings.example${path}`, init)),
  );
  expect(await publishEvent({ type: "product_deleted", data: {} }, "", "ключ-key")).toMatchObject({ status: 401 });
});

test("an abort ends the retries of the connection that finds the starting position", async () => {
  const aborter = new AbortController();
  const position = productsStartingPosition(TOKEN, aborter.signal);
  await vi.advanceTimersByTimeAsync(0);
  for (let n = 0; n < 3; n++) {
    ScriptedSocket.all.at(-1)?.onclose?.({ code: 1006, reason: "" });
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
  }
  const attempts = ScriptedSocket.all.length;
  expect(attempts).toBeGreaterThan(3);
  aborter.abort();
  expect(await position).toBeNull();
  await vi.advanceTimersByTimeAsync(10 * MINUTE_MS);
  expect(ScriptedSocket.all).toHaveLength(attempts);
  expect(ScriptedSocket.all.at(-1)?.isClosed).toBe(true);
});

test("the page observes its other connections all along, and not that one", async () => {
  const address = "wss://tidings.example/api/v1/ws/products";
  const attempts = () => statsOf(socketStats.get(), "products").attempts;
  const shown = new WebSocket(address);
  expect(attempts()).toBe(1);
  const position = productsStartingPosition(TOKEN, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(0);
  const [, own] = ScriptedSocket.all;
  const data = { channel: "products", epoch: "e", seq: EARLIER_EVENTS + 7, resumed: null };
  own?.onmessage?.({ data: JSON.stringify({ type: "connection_established", data }) });
  expect(await position).toEqual({ epoch: "e", seq: 7 });
  expect(own?.isClosed).toBe(true);
  expect(attempts()).toBe(1);
  dropSockets("products");
  expect(shown).toHaveProperty("isClosed", true);
  void new WebSocket(address);
  expect(attempts()).toBe(2);
});

test("a live connection reconnected only if it was down before", () => {
  const log = new ChannelLog("products");
  const live = { state: "live", isStale: false, recovered: true } as const;
  for (const status of [live, { state: "recovering", isStale: false }, live, live] as const) log.onStatus(status);
  const newestFirst = log.get().statusChanges.map(({ isReconnect }) => isReconnect);
  expect(newestFirst).toEqual([false, true, false, false]);
});

test("the timeline's bar follows the clock of its dots, which does not advance while the device sleeps", () => {
  const log = new ChannelLog("products");
  vi.setSystemTime(Date.now() + 60 * MINUTE_MS);
  log.onStatus({ state: "live", isStale: false, recovered: false });
  expect(log.get().statusChanges[0]?.pageTime).toBe(pageTime());
});

test("a slot of the drill stays filled when the round trip of its event is no longer kept", () => {
  const event = { id: "e-1", seq: 7 };
  const trip = { id: "e-1", channel: "products", publishedAt: 1, isRecovered: true, seq: 7 } as const;
  expect(slotKind(undefined, undefined)).toBe("empty");
  expect(slotKind(event, { ...trip, receivedAt: null })).toBe("waiting");
  expect(slotKind(event, { ...trip, receivedAt: 2 })).toBe("arrived");
  expect(slotKind(event, undefined)).toBe("arrived");
});

test("a token's subject is shown as the service reads it", () => {
  const subjectOf = (json: string) => {
    return decodeToken(`header.${Buffer.from(json).toString("base64url")}.signature`)?.subject;
  };
  expect(subjectOf('{"sub":"José 語"}')).toBe("José 語");
  expect(subjectOf('{"sub":"Jos\\u00e9"}')).toBe("José");
  expect(subjectOf('{"sub":42}')).toBe("42");
  for (const json of ['{"sub":null}', '{"sub":1.5}', "{}", "[]", "null", "{"]) expect(subjectOf(json)).toBeUndefined();
  for (const token of ["", "a", "a.%.c"]) expect(decodeToken(token)).toBeNull();
});

test("a refused change leaves the shop floor with the change that was accepted before", async () => {
  const mug = () => {
    const product = onShopFloor(new Map()).find(({ id }) => id === "p-42");
    if (!product) throw new Error("there is no mug");
    return product;
  };
  const respond = (body: object, status: number) => async () => ({ status, body }) as never;
  await changeProduct(respond({}, 429), mug(), { quantity: 9 });
  expect(mug().quantity).toBe(10);
  await changeProduct(respond({ seq: 7 }, 200), mug(), { quantity: 9 });
  await changeProduct(respond({}, 429), mug(), { quantity: 8 });
  expect(mug().quantity).toBe(9);
});
