import { afterAll, beforeEach, expect, test, vi } from "vitest";

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
const { dropSockets, socketStats, statsOf } = await import("../../../src/site/demo/page/state/sockets.ts");
const { ChannelLog } = await import("../../../src/site/demo/page/state/channel-log.ts");
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
