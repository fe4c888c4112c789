import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { startBridge } from "../../src/dev/bridge/bridge.ts";
import { RedisClient, RedisError } from "../../src/ingress/redis/client.ts";
import { RelayStore } from "../../src/ingress/redis/relay-store.ts";
import { StreamReader } from "../../src/ingress/redis/stream-reader.ts";
import { catalogueWith } from "../../src/protocol/catalogue.ts";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { MemoryStorage } from "../support/object-storage.ts";
import { hasRedis } from "../support/redis.ts";
import { addEntry, STREAM } from "../support/redis-service.ts";
import { setUpRedisWithBridge } from "../support/redis-with-bridge.ts";

const MB = 1024 * 1024;
/** Lower than Upstash's, to save time. */
const MAX_REPLY_BYTES = 3 * MB;
const MINUTE = 60_000;

describe.skipIf(!hasRedis("entries too large for a reply"))(
  "[promise 5] entries too large for a reply of Redis",
  () => {
    const servers = setUpRedisWithBridge({ maxReplyBytes: MAX_REPLY_BYTES });
    let storage: MemoryStorage;
    beforeEach(async () => {
      vi.useRealTimers();
      storage = new MemoryStorage();
    });

    const small = (id: string) =>
      addEntry(servers.redis, id, { channel: "products", type: "product_deleted", data: '{"product_id":"p"}' });
    const large = (id: string, bytes: number) =>
      servers.redis.cli(
        "EVAL",
        "redis.call('XADD', KEYS[1], ARGV[1], 'd', string.rep('x', ARGV[2]))",
        "1",
        STREAM,
        id,
        `${bytes}`,
      );
    /** As after an eviction: with what was stored. */
    function open(url = servers.bridge.url) {
      const store = new RelayStore(storage.asStorage);
      const client = new RedisClient({ url, token: servers.bridge.token, stream: STREAM });
      return { store, client, reader: new StreamReader(client, store, STREAM, catalogueWith([])) };
    }
    /** Makes every use of a command fail. */
    function fail({ client }: ReturnType<typeof open>, name: string, error: RedisError) {
      vi.spyOn(client, "command").mockImplementation(async (...command) => {
        if (command[0] === name) throw error;
        return RedisClient.prototype.command.apply(client, command);
      });
    }
    async function readAll({ reader }: ReturnType<typeof open>): Promise<number> {
      let rejected = 0;
      for (let hasMore = true; hasMore; ) {
        const result = await reader.read();
        expect(result.gap).toBeNull();
        ({ hasMore } = result);
        rejected += result.rejected;
      }
      return rejected;
    }
    const delivered = ({ store }: ReturnType<typeof open>) =>
      store.oldestRow("products")?.events.map(({ id }) => id) ?? [];
    const dead = ({ store }: ReturnType<typeof open>) =>
      store.deadLetters.oldest(100).map(({ entry, code, isCut }) => ({ id: entry.id, code, isCut }));
    const tooLarge = (id: string) => ({ id, code: "too_large", isCut: true });

    test("become dead letters by id and size, and what is around them is delivered, without a gap", async () => {
      await large("1-1", 4 * MB);
      await small("1-2");
      await large("1-3", 4 * MB);
      await large("1-4", 4 * MB);
      await small("1-5");
      await large("1-6", 4 * MB);
      const all = open();
      expect(await readAll(all)).toBe(4);
      expect(dead(all).map(({ id }) => id)).toEqual(expect.arrayContaining(["1-1", "1-3", "1-4", "1-6"]));
      expect(dead(all)).toEqual(dead(all).map(({ id }) => tooLarge(id)));
      expect(all.store.deadLetters.oldest(100)[0]?.reason).toBe(`is larger than ${MB} bytes: ${4 * MB + 1}`);
      await small("1-7");
      await readAll(all);
      vi.useFakeTimers({ now: Date.now() + 2 * MINUTE, toFake: ["Date"] });
      expect(await all.reader.trim()).toBeNull();
      await small("1-8");
      expect(await readAll(all)).toBe(0);
      expect(delivered(all)).toEqual(["1-2", "1-5"]);
      expect(all.store.state).toMatchObject({ cursor: "1-8", gaps: 0, entriesAdded: 8 });
    });

    test("stop neither a read nor a trim when they are the newest of many, and are not read yet", async () => {
      const all = open();
      await small("1-1");
      await readAll(all);
      await servers.redis.cli(
        "EVAL",
        "for n = 2, 1500 do redis.call('XADD', KEYS[1], '1-' .. n, 'a', 'b') end",
        "1",
        STREAM,
      );
      await large("1-1501", 4 * MB);
      let rejected = 0;
      while (all.store.state.untrimmed < 1000) rejected += (await all.reader.read()).rejected;
      expect(await all.reader.trim()).toBeNull();
      rejected += await readAll(all);
      expect(rejected).toBe(1500);
      expect(await servers.redis.cli("XLEN", STREAM)).not.toBe("0");
      expect(all.store.state).toMatchObject({ cursor: "1-1500", gaps: 0, entriesAdded: 1501 });
    });

    test("may be so only together: the last one read, and the next", async () => {
      const all = open();
      await small("1-1");
      await large("1-2", 2 * MB);
      await readAll(all);
      await large("1-3", 2 * MB);
      await small("1-4");
      await readAll(all);
      expect(dead(all).map(({ id }) => id)).toEqual(["1-2", "1-3"]);
      expect(all.store.state).toMatchObject({ cursor: "1-4", gaps: 0, entriesAdded: 4 });
    });

    test("may be so only together: after one refusal, they are read one by one", async () => {
      const all = open();
      for (let n = 1; n <= 6; n++) await large(`1-${n}`, 0.9 * MB);
      const command = vi.spyOn(all.client, "command");
      expect(await readAll(all)).toBe(6);
      expect(command.mock.settledResults.filter(({ type }) => type === "rejected")).toHaveLength(1);
    });

    test("make one dead letter each, also when their deletion failed at first", async () => {
      await large("1-1", 4 * MB);
      const first = open();
      fail(first, "XDEL", new RedisError("unavailable", "seeded"));
      await expect(first.reader.read()).rejects.toThrow("seeded");
      const second = open();
      await readAll(second);
      await small("1-2");
      await readAll(second);
      expect(dead(second)).toEqual([tooLarge("1-1")]);
      expect(delivered(second)).toEqual(["1-2"]);
      expect(second.store.state.gaps).toBe(0);
    });

    test("are not blamed for another failure of Redis", async () => {
      await small("1-1");
      const all = open();
      await readAll(all);
      await small("1-2");
      fail(all, "XRANGE", new RedisError("unavailable", "seeded"));
      await expect(all.reader.read()).rejects.toThrow("seeded");
      vi.restoreAllMocks();
      await readAll(all);
      expect(dead(all)).toEqual([]);
      expect(all.store.state).toMatchObject({ cursor: "1-2", gaps: 0 });
    });

    /** Opens the stream as a user with the permissions that the manual names. @param more Further rules. */
    async function openRestricted(...more: string[]) {
      const manual = chapterText("redis");
      const [, rules = ""] = /^ACL SETUSER tidings on ><password> (.+)$/m.exec(manual) ?? [];
      await servers.redis.cli("ACL", "SETUSER", "tidings", "reset", "on", ">password", ...rules.split(" "), ...more);
      const redisUrl = servers.redis.url.replace("://", "://tidings:password@");
      const restricted = await startBridge({ redisUrl, token: servers.bridge.token, maxReplyBytes: MAX_REPLY_BYTES });
      onTestFinished(() => restricted.close());
      return open(restricted.url);
    }

    test("need no other permissions than the manual names", async () => {
      await large("1-1", 4 * MB);
      await small("1-2");
      const all = await openRestricted();
      await readAll(all);
      vi.useFakeTimers({ now: Date.now() + 2 * MINUTE, toFake: ["Date"] });
      expect(await all.reader.trim()).toBeNull();
      expect([delivered(all), dead(all)]).toEqual([["1-2"], [tooLarge("1-1")]]);
    });

    test("say which permission is missing", async () => {
      await large("1-1", 4 * MB);
      const all = open();
      fail(all, "EVAL", new RedisError("refused", "NOPERM this user may not run 'eval'"));
      await expect(all.reader.read()).rejects.toThrow("NOPERM this user may not run 'eval'");
    });

    test("say so when a permission is missing that only a script needs", async () => {
      await small("1-1");
      const all = await openRestricted("-xinfo");
      await expect(all.reader.read()).rejects.toThrow(/can't run this command|NOPERM/);
    });
  },
);
