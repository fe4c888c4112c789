import { afterAll, beforeAll, expect, test } from "vitest";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** Acknowledged is durable: the process is killed, not asked to stop. */

const KILLS = 50;
let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ HISTORY_LIMIT: "10000" });
});
afterAll(() => service.stop());

test(`kill -9, ${KILLS} times: every acknowledged event is there, none twice, seq has no hole`, {
  timeout: 180_000,
}, async () => {
  const order = await registerOrderAt(service.url);
  const first = await listenAt(service.url, `orders/${order}`);
  const { epoch } = await first.established;
  const acknowledged = new Map<string, number>();
  let sent = 0;

  /** Publishes until the process is gone. A publisher that hears nothing repeats itself, with the same id. */
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
  const publish = async (id: string): Promise<void> => {
    const body = { type: "order_shipped", data: { n: id }, id };
    const response = await callService(service.url, "POST", `publish/orders/${order}`, body);
    const { seq, status } = (await response.json()) as PublishResult;
    expect(response.status).toBe(200);
    expect(status).toBeOneOf(["applied", "duplicate"]);
    acknowledged.set(id, Number(seq));
  };
  const unanswered: string[] = [];

  for (let kill = 0; kill < KILLS; kill++) {
    const publishers = [publishUntilKilled(), publishUntilKilled(), publishUntilKilled()];
    // Another moment each time: after so many answers since the last one.
    const goal = acknowledged.size + 1 + (kill % 7);
    while (acknowledged.size < goal) await new Promise(setImmediate);
    await service.kill("SIGKILL");
    await Promise.all(publishers);
    await service.restart();
    for (const id of unanswered.splice(0)) await publish(id);
  }

  const listener = await listenAt(service.url, `orders/${order}`, { query: { since: "0", epoch: String(epoch) } });
  const { resumed, seq } = await listener.established;
  expect(resumed).toBe(true);
  const frames = await listener.receive(Number(seq));
  expect(frames.map((frame) => frame.seq)).toEqual(Array.from({ length: frames.length }, (_, i) => i + 1));
  const seqs = new Map(frames.map((frame) => [frame.id, frame.seq]));
  expect(seqs.size).toBe(frames.length);
  for (const [id, acknowledgedSeq] of acknowledged) expect([id, seqs.get(id)]).toEqual([id, acknowledgedSeq]);
  expect(seqs.size).toBe(sent);
  console.log(
    `${KILLS} kills, ${sent} events published, ${acknowledged.size} acknowledged, ${frames.length} in the log`,
  );
});
