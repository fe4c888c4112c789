import { createServer } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { listenOnLoopback } from "../../support/loopback.ts";
import { hasRedis } from "../../support/redis.ts";
import { setUpRedisWithBridge } from "../../support/redis-with-bridge.ts";
import { TestTerminal } from "./test-terminal.ts";

const ORDER = "0b8f9a52-3c5d-4e0c-9a55-1de1f1a7c001";
const VIA_REDIS = ["--via", "redis"];
const TOKEN = "a-token-of-the-tests-0123456789";
const PAYLOAD = '{"sku":"payload-of-the-tests"}';
/** Port 9 (discard): nothing listens on it here. */
const UNUSED = "127.0.0.1:9";

const run = async (env: Record<string, string>, ...args: string[]) => {
  const terminal = new TestTerminal({ env });
  return { exitCode: await terminal.run("publish", ...args, ...VIA_REDIS), terminal };
};

describe("a wrong setting exits with 2 and is named", () => {
  it.each([
    [{ REDIS_URL: "localhost" }, "REDIS_URL must be a redis://"],
    [{ REDIS_URL: `redis://:${TOKEN}%@localhost` }, "any % in its password written as %25"],
    [{ UPSTASH_REDIS_REST_URL: "https://x.upstash.io" }, "UPSTASH_REDIS_REST_TOKEN is missing"],
    [{ UPSTASH_REDIS_REST_TOKEN: TOKEN }, "UPSTASH_REDIS_REST_URL is missing"],
    [{ UPSTASH_REDIS_REST_URL: "redis://x", UPSTASH_REDIS_REST_TOKEN: TOKEN }, "must be an https:// address"],
    [
      { UPSTASH_REDIS_REST_URL: "https://x", UPSTASH_REDIS_REST_TOKEN: `${TOKEN}\n1` },
      "tokens consist of visible ASCII characters",
    ],
    [{ UPSTASH_REDIS_REST_URL: `https://x:${TOKEN}@x`, UPSTASH_REDIS_REST_TOKEN: "t" }, "without user and password"],
  ])("%j", async (env, message) => {
    const { exitCode, terminal } = await run(env as Record<string, string>, "products", "product_created");
    expect(exitCode).toBe(2);
    expect(terminal.notes).toContain(message);
    expect(terminal.notes).not.toContain(TOKEN);
  });
});

describe("an unreachable Redis exits with 3 and says what to do", () => {
  it.each([
    [{ REDIS_URL: `redis://user:${TOKEN}@${UNUSED}` }, "Start a Redis there"],
    [
      { UPSTASH_REDIS_REST_URL: `http://${UNUSED}`, UPSTASH_REDIS_REST_TOKEN: TOKEN },
      "Check UPSTASH_REDIS_REST_URL in the environment",
    ],
  ])("%j", async (env, remedy) => {
    const { exitCode, terminal } = await run(env as Record<string, string>, "products", "product_created", PAYLOAD);
    expect(exitCode).toBe(3);
    expect(terminal.notes).toMatch(
      /^Cannot reach Redis at \w+:\/\/127\.0\.0\.1:9: .*`--id [0-9a-f-]{36}` makes it safe/,
    );
    expect(terminal.notes).toContain(remedy);
    expect(terminal.notes).not.toContain(TOKEN);
    expect(terminal.notes).not.toContain("payload-of-the-tests");
  });
});

describe("an answer in place of the replies is reported", () => {
  it.each([
    [200, "<html>", 3, "the answer is not Upstash's"],
    [502, "<html>", 3, "the answer is not Upstash's"],
    [500, '{"error":"Internal error"}', 3, ": Internal error. Check UPSTASH_REDIS_REST_URL"],
    [400, '{"error":"ERR max request size exceeded"}', 1, "Redis refused it: ERR max request size exceeded"],
  ])("%d %s", async (status, body, expected, message) => {
    const server = createServer((_, response) => void response.writeHead(status).end(body));
    onTestFinished(() => void server.close());
    const env = { UPSTASH_REDIS_REST_URL: await listenOnLoopback(server), UPSTASH_REDIS_REST_TOKEN: TOKEN };
    const { exitCode, terminal } = await run(env, "products", "product_created", PAYLOAD);
    expect(exitCode).toBe(expected);
    expect(terminal.notes).toContain(message);
    expect(terminal.notes).not.toContain("payload-of-the-tests");
  });
});

describe.skipIf(!hasRedis("publishing through Redis"))("with a Redis", () => {
  const fixture = setUpRedisWithBridge({ token: TOKEN });

  /** Two ways to the same database. */
  const ways = (): [name: string, env: Record<string, string>][] => [
    ["redis", { REDIS_URL: fixture.redis.url }],
    [
      "upstash",
      { UPSTASH_REDIS_REST_URL: fixture.bridge.url, UPSTASH_REDIS_REST_TOKEN: TOKEN, REDIS_URL: "redis://nowhere" },
    ],
  ];
  const way = (name: string) => Object.fromEntries(ways())[name] ?? {};
  const entries = async (stream: string) => (await fixture.redis.cli("XRANGE", stream, "-", "+")).split("\n");

  describe.each(["redis", "upstash"])("by way of %s", (name) => {
    it("adds an event as an entry and prints its id", async () => {
      const { exitCode, terminal } = await run(
        way(name),
        ...["products", "inventory_updated", '{"product_id":"p-42","name":"grün, 緑"}', "--id", "a", "--version", "7"],
      );
      expect(exitCode, terminal.notes).toBe(0);
      const [entryId, ...fields] = await entries("tidings:events");
      expect(terminal.output).toBe(
        `added: inventory_updated on products, as entry ${entryId} of tidings:events (id a)`,
      );
      expect(fields).toEqual([
        ...["channel", "products", "type", "inventory_updated"],
        ...["data", '{"product_id":"p-42","name":"grün, 緑"}', "id", "a", "version", "7"],
      ]);
    });

    it("prints JSON, writes to another stream, and counts the doorbell's subscribers", async () => {
      const env = { ...way(name), REDIS_STREAM: "other" };
      const { terminal } = await run(env, ORDER, "order_delivered", "--json");
      const [entryId, ...fields] = await entries("other");
      const { id, ...result } = JSON.parse(terminal.output);
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(result).toEqual({ channel: `order_${ORDER}`, stream: "other", entry_id: entryId, doorbell_heard_by: 0 });
      expect(fields.slice(0, 4)).toEqual(["channel", `order_${ORDER}`, "type", "order_delivered"]);
      expect(fields.slice(6)).toEqual(["id", id]);
    });

    it("exits with 1 and Redis's own error, without the event, when Redis refuses", async () => {
      await fixture.redis.cli("SET", "tidings:events", "not a stream");
      const { exitCode, terminal } = await run(way(name), "products", "product_created", PAYLOAD);
      expect(exitCode).toBe(1);
      expect(terminal.notes).toMatch(/^Redis refused it: WRONGTYPE/);
      expect(terminal.notes).not.toContain("payload-of-the-tests");
    });
  });

  it("names the source of a refused token and does not print it", async () => {
    const env = { UPSTASH_REDIS_REST_URL: fixture.bridge.url, UPSTASH_REDIS_REST_TOKEN: "wrong-token" };
    const { exitCode, terminal } = await run(env, "products", "product_created", PAYLOAD);
    expect(exitCode).toBe(1);
    expect(terminal.notes).toBe(
      "Redis refused it: Unauthorized. Check UPSTASH_REDIS_REST_URL in the environment and UPSTASH_REDIS_REST_TOKEN in the environment.",
    );
  });
});
