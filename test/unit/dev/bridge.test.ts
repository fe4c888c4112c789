import { request } from "node:http";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Bridge, startBridge } from "../../../src/dev/bridge/bridge.ts";
import { hasRedis, type RedisServer, startRedis } from "../../support/redis.ts";

const TOKEN = "a-token-of-the-tests";

describe.skipIf(!hasRedis("the local Redis bridge"))("the local Redis bridge", () => {
  let server: RedisServer;
  let bridge: Bridge;
  /** With the client's default options. */
  let redis: Redis;
  /** Returns strings as they are. */
  let plain: Redis;

  beforeAll(async () => {
    server = await startRedis({ appendfsync: "always" });
    bridge = await startBridge({ redisUrl: server.url, token: TOKEN });
    redis = new Redis({ url: bridge.url, token: TOKEN });
    plain = new Redis({ url: bridge.url, token: TOKEN, automaticDeserialization: false });
  });
  afterAll(async () => {
    await bridge?.close();
    await server?.stop();
  });

  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(bridge.url + path, {
      method: "POST",
      headers: { Authorization: `Bearer ${TOKEN}`, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };

  const stream = (channel: string, url = bridge.url) =>
    fetch(`${url}/subscribe/${channel}`, { headers: { Authorization: `Bearer ${TOKEN}` } });

  describe("serves @upstash/redis as Upstash does", () => {
    it.each([
      ["text", "grün, 緑, 🟢"],
      ["control characters", "\u0000\u0001\r\n\t\u007f\u2028"],
      ["the word OK", "OK"],
      ["a big integer", "9007199254740993"],
      ["no characters", ""],
      ["base64 characters", "T0s="],
    ])("returns a value with %s unchanged", async (name, value) => {
      expect(await plain.set(`value:${name}`, value)).toBe("OK");
      expect(await plain.get(`value:${name}`)).toBe(value);
      expect(await plain.mget([`value:${name}`, "no such key"])).toEqual([value, null]);
      expect(await server.cli("STRLEN", `value:${name}`)).toBe(String(Buffer.byteLength(value)));
    });

    it("values are JSON with the client's default options", async () => {
      await redis.set("json", { stock: 5, name: "mug" });
      expect(await redis.get("json")).toEqual({ stock: 5, name: "mug" });
      expect(await plain.get("json")).toBe('{"stock":5,"name":"mug"}');
      expect(await redis.get("no such key")).toBeNull();
    });

    it("simple strings other than OK are decoded", async () => {
      expect(await redis.ping()).toBe("PONG");
      await redis.xadd("word:stream", "*", { a: 1 });
      expect(await redis.type("word:stream")).toBe("stream");
    });

    it("a hash", async () => {
      expect(await redis.hset("hash", { a: 1, b: "two" })).toBe(2);
      expect(await redis.hgetall("hash")).toEqual({ a: 1, b: "two" });
      expect(await plain.hgetall("hash")).toEqual(["a", "1", "b", "two"]);
    });

    it("a stream is written, read, described and trimmed", async () => {
      const data = '{"sku":"grün","n":9007199254740993}';
      const first = await plain.xadd("stream", "*", { channel: "products", data });
      const second = await plain.xadd("stream", "*", { channel: "products", data: "{}" });
      expect(first).toMatch(/^\d+-\d+$/);
      const entries = [
        [first, ["channel", "products", "data", data]],
        [second, ["channel", "products", "data", "{}"]],
      ];
      expect(await plain.xrange("stream", "-", "+")).toEqual(entries);
      expect(await plain.xrange("stream", `(${first}`, "+", 10)).toEqual(entries.slice(1));
      expect(await redis.xrange("stream", String(second), "+")).toEqual({
        [String(second)]: { channel: "products", data: {} },
      });
      expect(await plain.xread("stream", String(first))).toEqual([["stream", entries.slice(1)]]);
      // The client has no method for this form of XINFO; any command goes through `exec`.
      const info = await plain.exec(["XINFO", "STREAM", "stream"]);
      expect(info).toEqual(expect.arrayContaining(["length", 2, "last-generated-id", second, "entries-added", 2]));
      expect(await plain.xtrim("stream", { strategy: "MINID", exactness: "=", threshold: String(second) })).toBe(1);
      expect(await plain.xlen("stream")).toBe(1);
    });

    it("an error of Redis is thrown with its message", async () => {
      await redis.set("text", "a");
      await expect(redis.lpush("text", "b")).rejects.toThrow("WRONGTYPE");
    });

    it("a pipeline goes on past an error", async () => {
      const pipeline = plain.pipeline().set("text", "a").lpush("text", "b").get("text");
      expect(await pipeline.exec({ keepErrors: true })).toEqual([
        { result: "OK" },
        { error: expect.stringContaining("WRONGTYPE") },
        { result: "a" },
      ]);
    });

    it("the sync token grows with every answer", async () => {
      await redis.ping();
      const before = redis.readYourWritesSyncToken;
      await redis.ping();
      expect(before).toMatch(/^bridge=\d+$/);
      expect(redis.readYourWritesSyncToken).not.toBe(before);
    });

    it("counts the commands that it sends to Redis", async () => {
      const before = { ...bridge.commands };
      await redis.echo("a");
      await redis.pipeline().echo("b").echo("c").exec();
      await post("/", ["echo", "d"]);
      await post("/", ["SHUTDOWN"]);
      expect(bridge.commands.ECHO).toBe((before.ECHO ?? 0) + 4);
      expect(bridge.commands.SHUTDOWN).toBeUndefined();
    });
  });

  describe("subscriptions", () => {
    /** Subscribes, collects the messages and allows waiting for them. */
    const listen = async (client: Redis, channel: string) => {
      const received: unknown[] = [];
      let wake = () => {};
      const subscriber = client.subscribe(channel);
      onTestFinished(() => subscriber.unsubscribe());
      const receive = (event: unknown) => {
        received.push(event);
        wake();
      };
      const until = async (count: number) => {
        while (received.length < count) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return received;
      };
      const confirmed = new Promise((resolve) => subscriber.on("subscribe", resolve));
      subscriber.on("message", receive);
      await confirmed;
      return { until, subscriber };
    };

    it("deliver messages in order", async () => {
      const { until } = await listen(plain, "doorbell");
      for (const message of ["1", "{two, 2}", "🔔"]) await plain.publish("doorbell", message);
      expect(await until(3)).toEqual(["1", "{two, 2}", "🔔"].map((message) => ({ channel: "doorbell", message })));
    });

    it("end in Redis when the listener leaves", async () => {
      const { subscriber } = await listen(redis, "left");
      expect(await server.cli("PUBSUB", "NUMSUB", "left")).toBe("left\n1");
      await subscriber.unsubscribe();
      await expect.poll(() => server.cli("PUBSUB", "NUMSUB", "left")).toBe("left\n0");
    });

    it("are server-sent events on the wire", async () => {
      const response = await stream("wire");
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      expect((await reader?.read())?.value).toBe("data: subscribe,wire,1\n\n");
      await server.cli("PUBLISH", "wire", "two\nlines");
      expect((await reader?.read())?.value).toBe("data: message,wire,two\ndata: lines\n\n");
      await reader?.cancel();
    });
  });

  describe("requires its token", () => {
    it("refuses a wrong token with 401 and sends nothing to Redis", async () => {
      const before = { ...bridge.commands };
      const stranger = new Redis({ url: bridge.url, token: `${TOKEN}x` });
      await expect(stranger.get("a")).rejects.toThrow("Unauthorized");
      for (const path of ["/", "/pipeline", "/subscribe/a"]) {
        const { status, body } = await post(path, [["GET", "a"]], { Authorization: "Basic x" });
        expect([path, status, body]).toEqual([path, 401, { error: "Unauthorized" }]);
      }
      expect(bridge.commands).toEqual(before);
    });
  });

  it("keeps bytes that are not text", async () => {
    await server.cli("EVAL", "redis.call('SET', KEYS[1], '\\255\\0\\254')", "1", "bytes");
    expect(await server.cli("--no-raw", "GET", "bytes")).toBe('"\\xff\\x00\\xfe"');
    const encoded = await post("/", ["GET", "bytes"], { "Upstash-Encoding": "base64" });
    expect(encoded.body).toEqual({ result: Buffer.from([0xff, 0, 0xfe]).toString("base64") });
  });

  describe("refuses with 400 and an ERR error", () => {
    it.each([
      [["BLPOP", "a", "0"]],
      [["brpoplpush", "a", "b", "0"]],
      [["WAIT", "1", "0"]],
      [["XREAD", "BLOCK", "0", "STREAMS", "a", "$"]],
      [["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "block", "0", "STREAMS", "a", ">"]],
      [["XREADGROUP", "BLOCK", "0", "GROUP", "g", "c", "STREAMS", "a", ">"]],
      [["SUBSCRIBE", "a"]],
      [["MONITOR"]],
      [["SELECT", "1"]],
      [["MULTI"]],
      [["EXEC"]],
      [["CONFIG", "GET", "*"]],
      [["SHUTDOWN", "NOSAVE"]],
      [["DEBUG", "SLEEP", "10"]],
    ])("%j, alone and in a pipeline", async (command) => {
      const refusal = { error: expect.stringMatching(/^ERR .*available/) };
      expect(await post("/", command)).toEqual({ status: 400, body: refusal });
      expect(await post("/pipeline", [["ECHO", "a"], command, ["ECHO", "b"]])).toEqual({ status: 400, body: refusal });
    });

    it("but not a key or group with an option's name", async () => {
      expect(await post("/", ["XREAD", "STREAMS", "block", "0"])).toEqual({ status: 200, body: { result: null } });
      await post("/", ["XGROUP", "CREATE", "a", "block", "$", "MKSTREAM"]);
      const read = ["XREADGROUP", "GROUP", "block", "streams", "STREAMS", "a", ">"];
      expect(await post("/", read)).toEqual({ status: 200, body: { result: null } });
    });

    it.each([["/"], ["/pipeline"]])("for anything that is not a command, at %s", async (path) => {
      for (const body of ["{", "{}", "[]", '"GET"', "[null]", '[["GET",{}]]', "[[]]"]) {
        expect(await post(path, body)).toEqual({
          status: 400,
          body: { error: expect.stringContaining("ERR failed to parse") },
        });
      }
    });
  });

  it("refuses a body that is too long, and serves the next request", async () => {
    const { status, body } = await post("/", ["SET", "long", "x".repeat(10 * 1024 * 1024)]);
    expect([status, body]).toEqual([413, { error: expect.stringContaining("max request size exceeded") }]);
    expect((await post("/", ["ECHO", "a"])).status).toBe(200);
  });

  it("refuses a reply that is too long, as Upstash does", async () => {
    for (const key of ["half", "other half"])
      await server.cli("EVAL", "redis.call('SETRANGE', KEYS[1], ARGV[1], 'x')", "1", key, `${6 * 1024 * 1024}`);
    expect((await post("/", ["GET", "half"])).status).toBe(200);
    const error = {
      error: expect.stringContaining("max request size exceeded. Limit: 10485760 bytes, Actual: 12582914"),
    };
    expect(await post("/", ["MGET", "half", "other half"])).toEqual({ status: 400, body: error });
    expect(
      await post("/pipeline", [
        ["MGET", "half", "other half"],
        ["ECHO", "a"],
      ]),
    ).toEqual({
      status: 200,
      body: [error, { result: "a" }],
    });
  });

  it("listens on this machine only", () => expect(bridge.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/));

  describe("when Redis fails", () => {
    const unavailable = { status: 500, body: { error: "Redis is not available" } };

    it("after a kill, requests fail immediately; after a restart, they succeed with the stored data", async () => {
      await plain.set("survivor", "still here");
      const ending = await stream("ending");
      await server.kill("SIGKILL");
      expect(await ending.text()).toBe("data: subscribe,ending,1\n\n");
      expect(await post("/", ["GET", "survivor"])).toEqual(unavailable);
      expect(await post("/pipeline", [["GET", "survivor"]])).toEqual(unavailable);
      expect(await post("/subscribe/a", "")).toEqual(unavailable);
      await expect(plain.get("survivor")).rejects.toThrow("not available");
      await server.restart();
      expect(await plain.get("survivor")).toBe("still here");
    });

    it("a Redis that hangs is given up after a while, and later answers match their requests", async () => {
      await plain.mset({ first: "1", second: "2" });
      server.signal("SIGSTOP");
      onTestFinished(() => server.signal("SIGCONT"));
      expect(await Promise.all([post("/", ["GET", "first"]), post("/subscribe/a", "")])).toEqual([
        unavailable,
        unavailable,
      ]);
      server.signal("SIGCONT");
      expect(await plain.get("second")).toBe("2");
    });

    it("the bridge starts without a Redis", async () => {
      const away = await startBridge({ redisUrl: "redis://127.0.0.1:9", token: TOKEN });
      onTestFinished(() => away.close());
      const client = new Redis({ url: away.url, token: TOKEN });
      await expect(client.ping()).rejects.toThrow("Redis is not available");
    });
  });

  it("ends streams and leaves no connection behind when it is closed", async () => {
    const other = await startBridge({ redisUrl: server.url, token: TOKEN });
    const response = await stream("closing", other.url);
    const ended = response.text().catch(() => "cut off");
    await other.close();
    await ended;
    await expect.poll(() => server.cli("PUBSUB", "NUMSUB", "closing")).toBe("closing\n0");
    await expect(fetch(`${other.url}/ping`)).rejects.toThrow();
    await other.close();
  });

  /** Keeps what is printed as an error. */
  const printedErrors = () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => printed.mockRestore());
    return printed.mock.calls;
  };

  it("prints a fault of its own: the stack alone", async () => {
    const printed = printedErrors();
    expect((await stream("%FF")).status).toBe(500);
    expect(printed).toEqual([["The Redis bridge failed:", expect.stringMatching(/^URIError: URI malformed\n +at /)]]);
  });

  it("survives a client that disconnects in the middle of a request", async () => {
    const printed = printedErrors();
    await new Promise<void>((resolve) => {
      const half = request(bridge.url, {
        method: "POST",
        headers: { Authorization: `Bearer ${TOKEN}`, "Content-Length": 100 },
      });
      half.on("error", () => resolve());
      half.write('["SET"', () => half.destroy());
    });
    expect((await post("/", ["ECHO", "a"])).status).toBe(200);
    expect(printed).toEqual([]);
  });
});
