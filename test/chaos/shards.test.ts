import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LISTENERS_PER_SHARD, MAX_LISTENERS_OF_ROOT } from "../../src/protocol/shards.ts";
import { eventually } from "../support/eventually.ts";
import { Audience, eventsInTurn, type Seat } from "../support/shards/audience.ts";
import { callTest, listenersAt, startMortalShards } from "../support/shards/mortal-service.ts";
import type { Workerd } from "../support/workerd.ts";

/** Products over many objects, in the bare runtime: thousands of listeners, and objects and processes that die. */

/** At 16 shards; 5,000 in the long run. */
const LISTENERS = Number(process.env.SHARD_LISTENERS ?? 640);
const KINDS = ["v1", "plain", "conflated"] as const;
const CONTINENTS = ["EU", "AS", "SA", "AF"];

/** So few that `auto` returns to the root alone. */
const FEW = 1000;

const shardsOf = (region: string) => [0, 1, 2, 3].map((index) => `products/${region}/${index}`);

/** `count` seats of every kind, spread over the continents; one in `unfiltered` wants everything. */
function seatsOf(count: number, products: number, unfiltered: number, continents: string[]): Seat[] {
  return Array.from({ length: count }, (_, i) => ({
    product: i % unfiltered === 0 ? null : `p${i % products}`,
    // Plain listeners of everything would exceed what they may be sent within a minute.
    kind: i % unfiltered > 0 ? (KINDS[i % 3] ?? "v1") : i % (7 * unfiltered) === 0 ? "conflated" : "v1",
    continent: continents[Math.floor(i / products) % continents.length] ?? "EU",
    user: `user-${i % 997}`,
  }));
}

const POINTS = ["committed", "pushed", "taken", "acknowledged"];

describe.each(POINTS)("a push is %s, and then dies", (point) => {
  let service: Workerd;
  let audience: Audience;
  beforeAll(async () => {
    service = await startMortalShards(4);
    audience = new Audience(service.url);
    await audience.seat(seatsOf(16, 3, 2, ["EU"]));
    await audience.publish(eventsInTurn(3, 3));
    await audience.settle();
  });
  afterAll(async () => {
    audience.close();
    await service.stop();
  });

  test.each(["shard", "root", "process"])("the %s", async (victim) => {
    const reached = () => service.log.split(`reached ${point}`).length;
    const before = reached();
    await callTest(service, `arm?point=${point}&victim=${victim}`);
    const publishing = audience.publish(eventsInTurn(3, 3));
    await eventually(() => expect(reached()).toBeGreaterThan(before));
    if (victim === "process") await service.restart();
    await publishing;
    // Its push follows, and with it whatever was missed before.
    await audience.publish(eventsInTurn(1, 3));
    await audience.settle();
  });
});

test("5,000 listeners over 4 shards receive 5,000 events in order, although a shard and the root die on the way", async () => {
  const service = await startMortalShards(4);
  const audience = new Audience(service.url);
  await audience.seat(seatsOf(5000, 49, 50, ["EU"]));
  expect(await listenersAt(service, ["products"])).toEqual([0]);
  expect(Math.min(...(await listenersAt(service, shardsOf("weur"))))).toBeGreaterThan(500);
  const started = performance.now();
  for (let i = 0; i < 5; i++) await audience.publish(eventsInTurn(500, 49, i * 500));
  const before = await audience.settle();
  expect(audience.lost).toBe(0);
  const calmMs = Math.round(performance.now() - started);
  for (let i = 5; i < 10; i++) {
    if (i === 6) await callTest(service, "kill?name=products/weur/1");
    if (i === 8) await callTest(service, "arm?point=pushed&victim=root");
    await audience.publish(eventsInTurn(500, 49, i * 500));
  }
  const received = await audience.settle();
  expect(service.log).toContain("reached pushed");
  expect(audience.resumed).toBeGreaterThan(500);
  console.log(
    `5,000 listeners, 5,000 events: ${received} received, ${before} of them in ${calmMs} ms before anything died; ` +
      `${audience.lost} connections lost, ${audience.resumed} resumed`,
  );
  audience.close();
  await service.stop();
});

test(`${LISTENERS} listeners of every kind over 16 shards receive everything, whatever dies, leaves or changes`, async () => {
  const service = await startMortalShards(4);
  const audience = new Audience(service.url);
  // As many listeners of everything, whatever the number of listeners.
  await audience.seat(seatsOf(LISTENERS, 16, Math.floor(LISTENERS / 80), CONTINENTS));
  const shards = ["weur", "apac", "sam", "afr"].flatMap(shardsOf);
  expect(Math.min(...(await listenersAt(service, shards)))).toBeGreaterThan(0);
  const started = performance.now();
  let published = 0;
  const publish = async (count: number) => {
    await audience.publish(eventsInTurn(count, 16, published));
    published += count;
  };
  for (const [round, shards] of [4, 1, 0, 4, 2, 4].entries()) {
    await callTest(service, `shards?count=${shards}`);
    for (let n = 0; n < 20; n++) {
      await publish(n % 5 === 0 ? 40 : 1);
      if (n === 5) for (const [i, member] of audience.members.entries()) if (i % 9 === round) member.cut();
      if (n === 10) await callTest(service, `kill?name=products/apac/${round % 4}`);
    }
    await callTest(service, `arm?point=${POINTS[round % POINTS.length]}&victim=${round % 2 ? "root" : "shard"}`);
    if (round === 3) await service.restart();
  }
  await callTest(service, "arm?point=none");
  await publish(16);
  const received = await audience.settle();
  const { lost, resumed } = audience;
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    `16 shards, ${LISTENERS} listeners, ${published} events: ${received} received in ${seconds} s; ` +
      `${lost} connections lost, ${resumed} resumed`,
  );
  audience.close();
  await service.stop();
});

test("`auto` adds shards for a growing audience and removes them again, and every listener receives everything", async () => {
  const service = await startMortalShards("auto");
  const audience = new Audience(service.url);
  const atRoot = async () => (await listenersAt(service, ["products"]))[0] ?? 0;
  const atShards = () => listenersAt(service, [...shardsOf("weur"), ...shardsOf("sam")]);
  let published = 0;
  const publish = async (count: number) => {
    await audience.publish(eventsInTurn(count, 49, published));
    published += count;
  };
  /** Publishes while something happens. */
  const publishDuring = async (happening: Promise<unknown>) => {
    let isOver = false;
    const over = happening.finally(() => {
      isOver = true;
    });
    for (let n = 0; !isOver; n++) await publish(n % 5 === 0 ? 40 : 1);
    await over;
  };

  await publishDuring(audience.seat(seatsOf(MAX_LISTENERS_OF_ROOT + 1, 49, 50, ["EU"])));
  expect(await atRoot()).toBe(MAX_LISTENERS_OF_ROOT + 1);
  await publishDuring(audience.seat(seatsOf(600, 49, 50, ["EU", "SA"])));
  expect(await atRoot()).toBe(MAX_LISTENERS_OF_ROOT + 1);
  expect(await atShards()).toEqual([306, 0, 0, 0, 294, 0, 0, 0]);
  await audience.settle();
  expect(audience.lost).toBe(0);
  // Clients of the root that reconnect come to shards, of which the region needs two then.
  for (const member of audience.members.slice(0, LISTENERS_PER_SHARD)) member.cut();
  const secondShard = eventually(async () => {
    for (const member of audience.members.slice(0, 20)) member.cut();
    expect((await atShards())[1]).toBeGreaterThan(0);
  }, 60_000);
  await publishDuring(secondShard);
  const receivedByAll = await audience.settle();

  audience.dismiss(audience.members.length - FEW);
  const total = async () => (await atShards()).reduce((sum, count) => sum + count, await atRoot());
  await eventually(async () => expect(await total()).toBe(FEW));
  // The root notices by its next pushes that there are few listeners, and later that there still are.
  for (let n = 0; n < 3; n++) {
    await publish(49);
    await audience.settle();
    await callTest(service, "later?ms=601000");
  }
  await publishDuring(eventually(async () => expect([...new Set(await atShards())]).toEqual([0]), 60_000));
  await eventually(async () => expect(await atRoot()).toBe(FEW));
  await publish(49);
  const received = await audience.settle();
  const { lost, resumed } = audience;
  console.log(
    `auto, ${published} events: ${receivedByAll} received, ${received} by those who stayed; ` +
      `${lost} connections lost, ${resumed} resumed`,
  );
  audience.close();
  await service.stop();
});
