import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EventLog } from "../../src/channels/log/event-log.ts";
import { Storage } from "../../src/channels/storage.ts";

/** The history on real storage against a list in memory, while limits change, time passes and the object restarts. */

const TTL_MS = 1000;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("append" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: -200, max: 700 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wake" as const), maxEvents: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("undo" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const) }) },
);

test("[promise 3] the history returns every event after a position, or nothing", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const stub = env.ORDER_CHANNEL.getByName(`order_${crypto.randomUUID()}`);
      await runInDurableObject(stub, (_, ctx) => {
        let maxEvents = 4;
        let now = 1_000_000;
        let newest = 0;
        let kept: { seq: number; id: string; ts: number }[] = [];
        let head = 0;
        const storage = Storage.open(ctx.storage, []);
        const open = () => new EventLog(storage, { maxEvents, ttlMs: TTL_MS, generation: 0 }, null);
        let history = open();
        const append = () => {
          const id = `e${head + 1}-${newest++}`;
          const { seq } = history.append(
            { id, type: "order_shipped", data: "{}", productId: null, request: null, status: null },
            now,
          );
          expect(seq).toBe(head + 1);
          head = seq;
          const ts = Math.max(now, kept.at(-1)?.ts ?? lastTs);
          lastTs = ts;
          const isOldestDropped = kept.length >= maxEvents || (kept[0] && kept[0].ts <= now - TTL_MS);
          if (isOldestDropped) kept.shift();
          kept.push({ seq, id, ts });
          kept = kept.slice(-maxEvents);
        };
        let lastTs = 0;
        for (const step of steps) {
          if (step.do === "append") for (let i = 0; i < step.count; i++) append();
          if (step.do === "wait") now += step.ms;
          if (step.do === "wake") {
            maxEvents = step.maxEvents;
            history = open();
          }
          if (step.do === "undo") {
            const before = { kept: [...kept], head, lastTs };
            try {
              storage.transaction(() => {
                for (let i = 0; i < step.count; i++) append();
                throw new Error("undone");
              });
            } catch {
              history.invalidate();
              ({ kept, head, lastTs } = before);
            }
          }
          if (step.do === "expire") {
            history.dropExpired(now);
            if (kept.length > 0 && lastTs + TTL_MS <= now) {
              kept = [];
              lastTs = 0;
            }
          }
          const { epoch, seq } = history.position();
          expect(seq).toBe(head);
          for (const { seq, id } of kept) expect(history.find(id)).toBe(seq);
          for (let since = -1; since <= head + 1; since++) {
            const next = kept.find((entry) => entry.seq === since + 1);
            const isWhole = next !== undefined && next.ts > now - TTL_MS;
            const expected = isWhole ? kept.filter((entry) => entry.seq > since).map((entry) => entry.seq) : null;
            const replay = history.readSince({ epoch, seq: since }, null, now);
            const given = Array.isArray(replay) ? replay.map((frame) => frame.seq) : replay;
            expect(given).toEqual(since === head ? [] : expected);
          }
        }
      });
    }),
    { numRuns: 150, endOnFailure: true },
  );
});
