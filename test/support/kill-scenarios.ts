import { createClient } from "@redis/client";
import { expect } from "vitest";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { eventually } from "./eventually.ts";
import { callService, listenAt, registerOrderAt } from "./node-client.ts";
import { type RedisService, STREAM } from "./redis-service.ts";
import type { Workerd } from "./workerd.ts";

/** The process is killed with SIGKILL again and again while events come in; short in `npm test`, long in `test:chaos`. */

/** Numbers from 1 to `count`. */
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** Publishes over HTTP, and expects every acknowledged event in the history, once, without a hole in `seq`. */
export async function publishThroughKills(service: Workerd, kills: number): Promise<void> {
  const order = await registerOrderAt(service.url);
  const first = await listenAt(service.url, `orders/${order}`);
  const { epoch } = await first.established;
  const acknowledged = new Map<string, number>();
  const unanswered: string[] = [];
  let sent = 0;

  const publish = async (id: string): Promise<void> => {
    const body = { type: "order_shipped", data: { n: id }, id };
    const response = await callService(service.url, "POST", `publish/orders/${order}`, body);
    const { seq, status } = (await response.json()) as PublishResult;
    expect(response.status).toBe(200);
    expect(status).toBeOneOf(["applied", "duplicate"]);
    acknowledged.set(id, Number(seq));
  };
  const publishUntilKilled = async (): Promise<void> => {
    for (;;) {
      const id = `event-${++sent}`;
      try {
        await publish(id);
      } catch {
        unanswered.push(id);
        return;
      }
    }
  };

  for (let kill = 0; kill < kills; kill++) {
    const publishers = [publishUntilKilled(), publishUntilKilled(), publishUntilKilled()];
    // The kill comes after a different number of answers each time.
    const goal = acknowledged.size + 1 + (kill % 7);
    while (acknowledged.size < goal) await new Promise(setImmediate);
    await service.kill("SIGKILL");
    await Promise.all(publishers);
    await service.restart();
    // A publisher without an answer repeats the event with the same id.
    for (const id of unanswered.splice(0)) await publish(id);
  }

  const listener = await listenAt(service.url, `orders/${order}`, { query: { since: "0", epoch: String(epoch) } });
  const { resumed, seq } = await listener.established;
  expect(resumed).toBe(true);
  const frames = await listener.receive(Number(seq));
  expect(frames.map((frame) => frame.seq)).toEqual(upTo(frames.length));
  const seqs = new Map(frames.map((frame) => [frame.id, frame.seq]));
  expect(seqs.size).toBe(frames.length);
  for (const [id, acknowledgedSeq] of acknowledged) expect([id, seqs.get(id)]).toEqual([id, acknowledgedSeq]);
  expect(seqs.size).toBe(sent);
  console.log(
    `${kills} kills, ${sent} events published, ${acknowledged.size} acknowledged, ${frames.length} in the history`,
  );
}

const ORDERS = 5;

/** Adds entries to the Redis stream, and expects every entry delivered once and in order per channel. */
export async function streamThroughKills({ service, redis }: RedisService, kills: number): Promise<void> {
  const orders: string[] = [];
  const epochs = new Map<string, string>();
  for (let i = 0; i < ORDERS; i++) {
    const order = await registerOrderAt(service.url);
    const listener = await listenAt(service.url, `orders/${order}`);
    epochs.set(order, String((await listener.established).epoch));
    listener.close();
    orders.push(order);
  }
  const expected = new Map(orders.map((order): [string, number[]] => [order, []]));
  const client = await createClient({ url: redis.url }).connect();
  let count = 0;
  let isWriting = true;
  const writing = (async () => {
    while (isWriting) {
      const n = ++count;
      const order = orders[n % ORDERS] ?? "";
      expected.get(order)?.push(n);
      const fields = { channel: `order_${order}`, type: "order_shipped", data: JSON.stringify({ n }) };
      await client.xAdd(STREAM, "*", fields);
      await client.publish("tidings:doorbell", "1");
    }
  })();

  for (let kill = 0; kill < kills; kill++) {
    // A listener keeps the relay reading; the kill comes after a different number of frames each time.
    const order = orders[kill % ORDERS] ?? "";
    const listener = await listenAt(service.url, `orders/${order}`);
    await listener.receive(1 + (kill % 5) * 7);
    await service.kill("SIGKILL");
    await service.restart();
  }
  isWriting = false;
  await writing;
  await client.close();

  // With no listener left, a health check is what revives the relay.
  const total = async () => {
    await callService(service.url, "GET", "ws/health");
    const answers = await Promise.all(orders.map((order) => callService(service.url, "GET", `orders/${order}`)));
    const seqs = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { seq: number }).seq));
    return seqs.reduce((sum, seq) => sum + seq, 0);
  };
  await eventually(async () => expect(await total()).toBe(count), 60_000);
  for (const order of orders) {
    const query = { since: "0", epoch: String(epochs.get(order)) };
    const listener = await listenAt(service.url, `orders/${order}`, { query });
    expect((await listener.established).resumed).toBe(true);
    const numbers = expected.get(order) ?? [];
    const frames = await listener.receive(numbers.length);
    expect(frames.map(({ data }) => data.n)).toEqual(numbers);
    expect(frames.map(({ seq }) => seq)).toEqual(upTo(numbers.length));
    listener.close();
  }
  console.log(`${kills} kills, ${count} entries, each delivered once and in order`);
}
