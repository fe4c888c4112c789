import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ConnectRequest, requestProductsSocket } from "../../src/channels/handshake.ts";
import { eventually } from "../support/eventually.ts";
import { productsObject } from "../support/service.ts";
import { atShard, evict, forgetShards, setShards, shardObject } from "../support/shards/sharded-channel.ts";
import { TestSocket } from "../support/test-socket.ts";

/** A shard that closes many sockets spreads them over time, so that their clients do not all reconnect together. */

const SOCKETS = 1100;
/** Closed at once, and the pause between. */
const WAVE = 500;
const INTERVAL_MS = 1000;

const shard = shardObject("EU", 0);
let sockets: TestSocket[] = [];
beforeEach(async () => {
  await setShards(1);
  sockets = await Promise.all(Array.from({ length: SOCKETS }, (_, n) => connect(`user-${n}`)));
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const socket of sockets) socket.close();
  await forgetShards(1);
});

async function connect(subject: string, speaksV1 = false): Promise<TestSocket> {
  const request: ConnectRequest = {
    identity: { subject, isAdmin: false, expiresAt: Date.now() + 600_000, orderId: null, ticketGeneration: null },
    speaksV1,
    products: null,
    resume: null,
    requestId: "a request",
  };
  const { answer } = await requestProductsSocket(shard, request);
  return new TestSocket(answer as Response);
}

const closed = () => sockets.filter(({ closeCode }) => closeCode !== null).length;
const expectClosed = (count: number) => eventually(() => expect(closed()).toBe(count));

/** Holds every pause of the service until its `release` is called. */
function holdEachPause(): { milliseconds: number | undefined; release: () => void }[] {
  const pauses: { milliseconds: number | undefined; release: () => void }[] = [];
  vi.spyOn(scheduler, "wait").mockImplementation(async (milliseconds) => {
    let isHolding = true;
    pauses.push({
      milliseconds,
      release: () => {
        isHolding = false;
      },
    });
    // An object cannot await what another context resolves.
    while (isHolding) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  return pauses;
}

test(`a shard outside the plan that loses events as well closes ${WAVE} sockets a second with 4200, not twice as many`, async () => {
  // The clock stands still, so every pause is as long as it can be.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const pauses = holdEachPause();
  const ofDrain = () => pauses.filter(({ milliseconds }) => milliseconds === INTERVAL_MS);
  await atShard(shard, ({ core }) => core.learnPlan({ decidedAt: Date.now(), shards: {} }));
  await expectClosed(WAVE);
  await atShard(shard, ({ core }) => core.drain.abandonAll());
  await shard.countListeners();
  expect(closed()).toBe(WAVE);
  expect(ofDrain()).toHaveLength(1);
  ofDrain()[0]?.release();
  await expectClosed(2 * WAVE);
  await eventually(() => expect(ofDrain()).toHaveLength(2));
  ofDrain()[1]?.release();
  await expectClosed(SOCKETS);
  expect(new Set(sockets.map(({ closeCode }) => closeCode))).toEqual(new Set([4200]));
  expect(ofDrain()).toHaveLength(2);
  for (const { release } of pauses) release();
});

test("a client that adds a product while its socket waits to be closed is answered with the channel's position", async () => {
  const waiting = await connect("late", true);
  const { data: first } = await waiting.frame();
  const pauses = holdEachPause();
  await atShard(shard, ({ core }) => core.drain.abandonAll());
  await expectClosed(WAVE);
  waiting.send(JSON.stringify({ type: "subscribe", product_ids: ["a"] }));
  expect(await waiting.frame()).toMatchObject({ type: "subscribed", data: { seq: first.seq } });
  for (const { release } of pauses) release();
  waiting.close();
});

test("a shard that returns to the plan closes no further sockets; one that loses events goes on", async () => {
  const pauses = holdEachPause();
  await atShard(shard, ({ core }) => core.learnPlan({ decidedAt: 1e15, shards: {} }));
  await expectClosed(WAVE);
  await atShard(shard, ({ core }) => core.learnPlan({ decidedAt: 1e15 + 1, shards: { weur: 1 } }));
  await eventually(() => expect(pauses.length).toBeGreaterThan(0));
  for (const { release } of pauses.splice(0)) release();
  await shard.countListeners();
  expect(await shard.countListeners()).toBe(SOCKETS - WAVE);
  await atShard(shard, ({ core }) => core.drain.abandonAll());
  await eventually(async () => {
    for (const { release } of pauses.splice(0)) release();
    expect(closed()).toBe(SOCKETS);
  });
  await evict(productsObject());
});
