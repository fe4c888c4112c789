import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { DEAD_LETTER_REASONS } from "../../../src/protocol/dead-letters.ts";
import { listenOnLoopback } from "../../support/loopback.ts";
import { hasRedis } from "../../support/redis.ts";
import { setUpRedisWithBridge } from "../../support/redis-with-bridge.ts";
import { TestTerminal } from "./test-terminal.ts";

const ORDER = "0b8f9a52-3c5d-4e0c-9a55-1de1f1a7c001";
const CHANNEL = `order_${ORDER}`;
const TOKEN = "a-token-of-the-tests-0123456789";
const STREAM = "tidings:events";
const DEAD = "tidings:dead";

/**
 * Starts a proxy of the bridge that keeps the names of each request's commands.
 * @param broken The name of a command that it does not answer.
 */
async function startProxy(bridgeUrl: string, broken?: string): Promise<{ url: string; requests: string[][] }> {
  const requests: string[][] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const names = (JSON.parse(body) as string[][]).map(([name = ""]) => name);
    requests.push(names);
    if (broken !== undefined && names.includes(broken)) return void request.destroy();
    const headers = { Authorization: String(request.headers.authorization) };
    const answer = await fetch(`${bridgeUrl}${request.url}`, { method: "POST", headers, body });
    response.writeHead(answer.status, { "Content-Type": "application/json" }).end(await answer.text());
  });
  const url = await listenOnLoopback(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url, requests };
}

it.each([
  [["retry"], "Give the ids of dead letters, or --all"],
  [["retry", "--all", "1-1"], "Give the ids of dead letters, or --all"],
  [["retry", "1-1", "--reason", "channel_failed"], "--reason and --channel go with --all."],
  [["retry", "1-1", "--channel", "products"], "--reason and --channel go with --all."],
  [["retry", "soon"], "is not a dead letter's id"],
  [["list", "--reason", "bad_luck"], "Allowed choices are"],
  [["list", "--limit", "0"], "whole number"],
])("tidings dead %j exits with 2 and says how to correct it", async (args, message) => {
  const terminal = new TestTerminal();
  expect(await terminal.run("dead", ...args)).toBe(2);
  expect(terminal.notes).toContain(message);
});

it("exits with 3 when Redis cannot be reached, and prints no token", async () => {
  for (const env of [
    { REDIS_URL: `redis://user:${TOKEN}@127.0.0.1:9` },
    { UPSTASH_REDIS_REST_URL: "http://127.0.0.1:9", UPSTASH_REDIS_REST_TOKEN: TOKEN },
  ]) {
    const terminal = new TestTerminal({ env });
    expect(await terminal.run("dead", "list")).toBe(3);
    expect(terminal.notes).toMatch(/^Cannot reach Redis at /);
    expect(terminal.notes).not.toContain(TOKEN);
  }
});

it("each reason says what it means and what to do, in sentences", () => {
  for (const { meaning, remedy } of Object.values(DEAD_LETTER_REASONS)) {
    expect(meaning).toMatch(/^[A-Z].*\.$/);
    expect(remedy).toMatch(/^[A-Z].*\.$/);
  }
});

describe.skipIf(!hasRedis("dead letters in the command line"))("with a Redis", () => {
  const fixture = setUpRedisWithBridge({ token: TOKEN });

  const envOf = (way: string): Record<string, string> =>
    way === "redis"
      ? { REDIS_URL: fixture.redis.url }
      : { UPSTASH_REDIS_REST_URL: fixture.bridge.url, UPSTASH_REDIS_REST_TOKEN: TOKEN };
  /** Writes a letter as the relay does. */
  const die = (id: string, code: string, entry: Record<string, string>, more: string[] = []) =>
    fixture.redis.cli(
      ...["XADD", DEAD, id, "reason", `it is ${code}`, "code", code, "entry_id", "77-1", ...more],
      ...["entry", JSON.stringify(entry)],
    );
  const shipped = { channel: CHANNEL, type: "order_shipped", data: '{"name":"grün"}' };
  const entries = async () =>
    JSON.parse(await fixture.redis.cli("--json", "XRANGE", STREAM, "-", "+")) as [string, string[]][];

  describe.each(["redis", "upstash"])("by way of %s", (way) => {
    const run = async (...args: string[]) => {
      const terminal = new TestTerminal({ env: envOf(way) });
      return { exitCode: await terminal.run("dead", ...args), terminal };
    };

    it("lists letters with id, time, channel and reason, and says once what to do for each reason", async () => {
      await die("1763800000000-0", "channel_failed", shipped);
      await die("1763800000000-1", "channel_failed", shipped);
      await die("1763800000001-0", "not_utf8", {});
      await die("1763800000002-0", "not_an_event", { channel: "\u001b[2J\u009b2J" });
      const { exitCode, terminal } = await run("list");
      expect(exitCode, terminal.notes).toBe(0);
      expect(terminal.output.split("\n")).toEqual([
        `1763800000000-0  2025-11-22T08:26:40.000Z  ${CHANNEL}  channel_failed: it is channel_failed`,
        `1763800000000-1  2025-11-22T08:26:40.000Z  ${CHANNEL}  channel_failed: it is channel_failed`,
        "1763800000001-0  2025-11-22T08:26:40.001Z  (no channel)  not_utf8: it is not_utf8",
        // Not the control sequences that clear a terminal.
        "1763800000002-0  2025-11-22T08:26:40.002Z  \\u001b[2J\\u009b2J  not_an_event: it is not_an_event",
      ]);
      expect(terminal.notes.match(/channel_failed: /g)).toHaveLength(1);
      expect(terminal.notes).toContain(DEAD_LETTER_REASONS.not_utf8.remedy);
    });

    it("lists letters whose ids are beyond any date, up to the last id of all", async () => {
      const last = "18446744073709551615-18446744073709551615";
      // As many as are read at a time.
      for (let n = 1; n < 16; n++) await die(`8640000000000001-${n}`, "channel_failed", shipped);
      await die(last, "channel_failed", shipped);
      const { exitCode, terminal } = await run("list");
      expect(exitCode, terminal.notes).toBe(0);
      const lines = terminal.output.split("\n");
      expect(lines).toHaveLength(16);
      expect(lines[15]).toBe(`${last}  (no time)  ${CHANNEL}  channel_failed: it is channel_failed`);
      expect(JSON.parse((await run("list", "--json")).terminal.output).dead_letters[15]).toMatchObject({ time: null });
    });

    it("lists by reason and channel, as JSON, and says when there are more", async () => {
      for (let n = 1; n <= 3; n++) await die(`${n}-0`, "channel_failed", shipped);
      await die("4-0", "channel_failed", { ...shipped, channel: "products" });
      await die("5-0", "id_conflict", shipped);
      const { terminal } = await run(
        ...["list", "--reason", "channel_failed", "--channel", CHANNEL, "--limit", "2", "--json"],
      );
      const { dead_letters, has_more } = JSON.parse(terminal.output);
      expect(has_more).toBe(true);
      expect(dead_letters.map(({ id }: { id: string }) => id)).toEqual(["1-0", "2-0"]);
      expect(dead_letters[0]).toMatchObject({
        channel: CHANNEL,
        reason: "channel_failed",
        entry: shipped,
        can_retry: true,
      });
    });

    it("says so when there are none", async () => {
      const { exitCode, terminal } = await run("list");
      expect([exitCode, terminal.output, terminal.notes]).toEqual([0, "", "There are no dead letters."]);
      await die("1-0", "channel_failed", shipped);
      expect((await run("list", "--channel", "products")).terminal.notes).toBe("No dead letter matches.");
    });

    it("retries one by its id: the same event id goes into the stream, and the letter is gone", async () => {
      await die("1-0", "channel_failed", { ...shipped, id: "mine" });
      await die("2-0", "not_an_event", shipped);
      expect((await run("retry", "1-0")).terminal.output).toBe("retried: 1 dead letter");
      expect((await run("retry", "2-0")).exitCode).toBe(0);
      const fields = ["channel", CHANNEL, "type", "order_shipped", "data", '{"name":"grün"}'];
      // An entry without an id has its event under its own id.
      expect((await entries()).map(([, words]) => words)).toEqual([
        [...fields, "id", "mine"],
        [...fields, "id", "77-1"],
      ]);
      expect(await fixture.redis.cli("XLEN", DEAD)).toBe("0");
    });

    it("retries all, those first that their channel failed to take, and leaves what cannot be retried", async () => {
      await die("1-0", "channel_full", { ...shipped, id: "late" });
      await die("2-0", "channel_failed", { ...shipped, id: "early" });
      await die("3-0", "id_conflict", shipped);
      await die("4-0", "channel_failed", { ...shipped, id: "cut" }, ["cut", "1"]);
      const { exitCode, terminal } = await run("retry", "--all");
      expect([exitCode, terminal.output]).toEqual([0, "retried: 2 dead letters"]);
      expect(terminal.notes).toContain("2 cannot be retried");
      expect((await entries()).map(([, words]) => words.at(-1))).toEqual(["early", "late"]);
      expect(await fixture.redis.cli("XLEN", DEAD)).toBe("2");
    });

    it("refuses to retry what cannot be retried, or is not there, with 1", async () => {
      await die("1-0", "too_large", shipped);
      const refused = await run("retry", "1-0");
      expect(refused.exitCode).toBe(1);
      expect(refused.terminal.notes).toContain(DEAD_LETTER_REASONS.too_large.remedy);
      const missing = await run("retry", "9-9");
      expect([missing.exitCode, missing.terminal.notes]).toEqual([1, "No dead letter has the id 9-9."]);
      expect(await entries()).toEqual([]);
    });

    it("counts all that cannot be retried, and lists the first twenty", async () => {
      for (let n = 1; n <= 22; n++) await die(`${n}-0`, "id_conflict", shipped);
      const { terminal } = await run("retry", "--all");
      expect(terminal.notes).toContain("22 cannot be retried; the first 20:\n1-0 ");
      expect(terminal.notes.match(/ id_conflict: it is/g)).toHaveLength(20);
      const { refused, has_more } = JSON.parse((await run("retry", "--all", "--json")).terminal.output);
      expect([refused.length, has_more]).toEqual([20, true]);
    });

    it("reads a letter of the first version, which has no code", async () => {
      await fixture.redis.cli(
        ...["XADD", DEAD, "1-0", "reason", "lacks channel", "entry_id", "7-1", "entry", '{"hello":"world"}'],
      );
      expect((await run("list")).terminal.output).toContain("not_an_event: lacks channel");
    });

    it("shows a code of a newer version as it is, and does not retry what it cannot judge", async () => {
      await die("1-0", "of_\u009bthe_future", shipped);
      const { terminal } = await run("list");
      expect(terminal.output).toContain(`${CHANNEL}  of_\\u009bthe_future: it is of_`);
      expect(terminal.notes).toBe(
        "of_\\u009bthe_future: This version of the command line does not know the reason. Use the command line of the deployed version.",
      );
      expect((await run("retry", "1-0")).exitCode).toBe(1);
      expect(await entries()).toEqual([]);
    });

    it("exits with 1 and Redis's own error when Redis refuses", async () => {
      await fixture.redis.cli("SET", DEAD, "in use for something else");
      const { exitCode, terminal } = await run("list");
      expect(exitCode).toBe(1);
      expect(terminal.notes).toMatch(/^Redis refused it: WRONGTYPE/);
    });
  });

  it("retries many by their ids, each once, in requests whose replies Upstash allows, and rings once", async () => {
    const ids = Array.from({ length: 40 }, (_, n) => `${n + 1}-0`);
    for (const id of ids) await die(id, "channel_failed", { ...shipped, id });
    const proxy = await startProxy(fixture.bridge.url);
    const terminal = new TestTerminal({ env: { ...envOf("upstash"), UPSTASH_REDIS_REST_URL: proxy.url } });
    expect(await terminal.run("dead", "retry", ...ids, "1-0", "40-0"), terminal.notes).toBe(0);
    expect([terminal.output, terminal.notes]).toEqual(["retried: 40 dead letters", ""]);
    expect((await entries()).map(([, words]) => words.at(-1))).toEqual(ids);
    // A letter may have half a megabyte, and a reply ten.
    const reads = proxy.requests.map((commands) => commands.filter((name) => name === "XRANGE").length);
    expect(Math.max(...reads)).toBeLessThanOrEqual(16);
    expect(proxy.requests.flat().filter((name) => name === "PUBLISH")).toHaveLength(1);
  });

  it("retries nothing when one of many ids does not exist", async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `${n + 1}-0`);
    for (const id of ids) await die(id, "channel_failed", shipped);
    const terminal = new TestTerminal({ env: envOf("redis") });
    expect(await terminal.run("dead", "retry", ...ids, "99-0")).toBe(1);
    expect(terminal.notes).toBe("No dead letter has the id 99-0.");
    expect(await fixture.redis.cli("XLEN", DEAD)).toBe("20");
  });

  it("succeeds, with a note, when Redis fails only at the doorbell", async () => {
    await die("1-0", "channel_failed", shipped);
    const proxy = await startProxy(fixture.bridge.url, "PUBLISH");
    const terminal = new TestTerminal({ env: { ...envOf("upstash"), UPSTASH_REDIS_REST_URL: proxy.url } });
    expect(await terminal.run("dead", "retry", "--all"), terminal.notes).toBe(0);
    expect(terminal.output).toBe("retried: 1 dead letter");
    expect(terminal.notes).toMatch(/^The doorbell message failed\. The events are safe/);
    expect(await fixture.redis.cli("XLEN", STREAM)).toBe("1");
  });

  it("retries thousands", async () => {
    const add =
      "for n = 1, 2500 do redis.call('XADD', KEYS[1], '*', 'reason', 'r', 'code', 'channel_failed', 'entry_id', n, 'entry', ARGV[1]) end";
    await fixture.redis.cli("EVAL", add, "1", DEAD, JSON.stringify(shipped));
    const terminal = new TestTerminal({ env: envOf("redis") });
    expect(await terminal.run("dead", "retry", "--all"), terminal.notes).toBe(0);
    expect(await fixture.redis.cli("XLEN", STREAM)).toBe("2500");
    expect(await fixture.redis.cli("XLEN", DEAD)).toBe("0");
  });
});
