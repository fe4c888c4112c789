import { createServer } from "node:http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Forwarder, MAX_WAITING_BYTES } from "../../../src/cli/forward/forwarder.ts";
import { HeldMessages, MAX_HELD_BYTES } from "../../../src/cli/forward/held-messages.ts";
import { type Mapping, readMessage } from "../../../src/cli/forward/message.ts";
import { ForwardReport } from "../../../src/cli/forward/report.ts";
import { doubtsAbout } from "../../../src/cli/forward/spelling.ts";
import type { BatchQueue } from "../../../src/sdk/publisher/batch-queue.ts";
import { PublishError } from "../../../src/sdk/publisher/publish-error.ts";
import { listenOnLoopback } from "../../support/loopback.ts";
import { hasPromtool, promtool } from "../../support/promtool.ts";
import { KEY, TestTerminal } from "./test-terminal.ts";

const ORDER = "123e4567-e89b-12d3-a456-426614174000";
const ORIGINAL: Mapping = {
  orders: "order_*",
  products: "products",
  orderField: "data.order_id",
  typeField: "type",
  dataField: "data",
};

function read(channel: string, message: unknown, mapping: Partial<Mapping> = {}) {
  const bytes = message instanceof Uint8Array ? message : Buffer.from(JSON.stringify(message));
  const result = readMessage({ ...ORIGINAL, ...mapping }, channel, bytes);
  return result.ok ? { ...result.event, data: JSON.parse(result.event.data) } : result.reason;
}

describe("a message", () => {
  const shipped = { type: "order_shipped", data: { carrier: "UPS" } };

  test("as the original publishes it is an event, under an id of its own", () => {
    const event = read(`order_${ORDER}`, shipped);
    expect(event).toMatchObject({ channel: `order_${ORDER}`, ...shipped });
    expect(event).toHaveProperty("id", expect.stringMatching(/^[0-9a-f-]{36}$/));
    expect(event).not.toHaveProperty("id", Object(read(`order_${ORDER}`, shipped)).id);
    expect(read("products", { type: "price_updated", data: { product_id: "p" }, sent_by: "stock" })).toMatchObject({
      channel: "products",
      data: { product_id: "p" },
    });
  });

  test("of another pattern of channels is one", () => {
    expect(read(`shop:${ORDER.toUpperCase()}:events`, shipped, { orders: "shop:*:events" })).toMatchObject({
      channel: `order_${ORDER}`,
    });
    expect(read("order_products", shipped, { products: "order_products" })).toMatchObject({ channel: "products" });
  });

  test("of one channel for all orders names its order", () => {
    const one = { orders: "shop_orders" };
    const data = { order_id: ORDER, carrier: "UPS" };
    expect(read("shop_orders", { ...shipped, data }, one)).toMatchObject({ channel: `order_${ORDER}`, data });
    expect(read("shop_orders", shipped, one)).toBe("data.order_id must be an order id (a UUID)");
    expect(read("shop_orders", { ...shipped, order: ORDER }, { ...one, orderField: "order" })).toMatchObject({
      channel: `order_${ORDER}`,
      data: { carrier: "UPS" },
    });
  });

  test("with other fields is one: `event` for `type`, `payload` for `data`, or none for `data`", () => {
    const fields = { typeField: "event", dataField: "payload" };
    expect(read(`order_${ORDER}`, { event: "order_shipped", payload: { carrier: "UPS" } }, fields)).toMatchObject(
      shipped,
    );
    expect(
      read(`order_${ORDER}`, { event: "order_shipped", carrier: "UPS" }, { ...fields, dataField: null }),
    ).toMatchObject(shipped);
  });

  test.each([
    ["products", Buffer.from("{broken"), "is not a JSON object"],
    ["products", Buffer.from([0x7b, 0xff, 0x7d]), "contains bytes that are not UTF-8"],
    ["products", Buffer.alloc(1024 * 1024 + 1, "x"), "is larger than 1048576 bytes"],
    ["products", [1], "is not a JSON object"],
    ["products", "text", "is not a JSON object"],
    ["products", "not_utf8", "is not a JSON object"],
    ["products", { data: {} }, "type must be text"],
    ["products", { type: 1, data: {} }, "type must be text"],
    ["products", { type: "price_updated" }, "data must be an object"],
    ["products", { type: "price_updated", data: [] }, "data must be an object"],
    ["products", Buffer.from('{"type":"a","data":{"n":12345678901234567890}}'), "data.n is an integer beyond 2^53"],
    ["products", Buffer.from('{"type":"a","data":{"n":0.12345678901234567890}}'), "data.n has more digits"],
    [
      "products",
      Buffer.from(`{"type":"a","data":{"n":0.12345678901234567890},"meta":${"[".repeat(30_000)}${"]".repeat(30_000)}}`),
      "is not a JSON object",
    ],
    ["products", Buffer.from('{"type":"a","data":{"__proto__":1}}'), "data.__proto__ is not an allowed key"],
    ["order_1", shipped, "the channel's name must contain an order id (a UUID)"],
  ])("on %s that is no event has a reason", (channel, message, reason) => {
    expect(read(channel, message)).toContain(reason);
  });
});

describe("a misspelt channel is noticed at the start", () => {
  const subscribed = [`order_${ORDER}`, "order_0b8f9a52-3c5d-4e0c-9a55-1de1f1a7c001", "products"];

  test("when others subscribe to similar ones, which it names", () => {
    expect(doubtsAbout({ ...ORIGINAL, orders: "order-*" }, subscribed)).toEqual([
      'no other client subscribes to "order-*" now, but some subscribe to "order_*": is --orders spelt as the publishers spell it?',
    ]);
    expect(doubtsAbout({ ...ORIGINAL, products: "product" }, subscribed)).toEqual([
      'no other client subscribes to "product" now, but some subscribe to "products": is --products spelt as the publishers spell it?',
    ]);
  });

  test("and there is no note when all is well, or when no page is open", () => {
    expect(doubtsAbout(ORIGINAL, subscribed)).toEqual([]);
    expect(doubtsAbout(ORIGINAL, [...subscribed, "celery"])).toEqual([]);
    expect(doubtsAbout(ORIGINAL, [])).toEqual([]);
    expect(doubtsAbout({ ...ORIGINAL, orders: "shop" }, ["shop", "products"])).toEqual([]);
  });
});

describe("tidings forward", () => {
  test.each([
    [["--orders", "order_?"], "--orders must be a channel"],
    [["--orders", "a*b*"], "--orders must be a channel"],
    [["--orders", "products"], "--orders must be a channel"],
    [["--order-field", "order"], "--order-field is for one channel"],
    [["--redis", "localhost"], "--redis must be a redis://"],
    [["--redis", "redis:prod.example:6379"], "--redis must be a redis://"],
    [["--redis", "redis://localhost/shop"], "at most a database number"],
    [["--metrics-port", "70000"], "whole number, 0 to 65535"],
  ])("%j exits with 2 and says how to correct it", async (args, message) => {
    const terminal = new TestTerminal({ env: { TIDINGS_KEY: KEY } });
    expect(await terminal.run("forward", ...args)).toBe(2);
    expect(terminal.notes).toContain(message);
  });

  test("exits with 2, in one line, when it cannot serve metrics", async () => {
    const terminal = new TestTerminal({ env: { TIDINGS_KEY: KEY } });
    const args = ["--metrics-host", "192.0.2.1", "--metrics-port", "0", "--url", "http://127.0.0.1:9"];
    expect(await terminal.run("forward", ...args)).toBe(2);
    expect(terminal.noteLines.at(-1)).toMatch(/^Cannot serve metrics: .+ Choose another --metrics-port or/);
    expect(terminal.output).toBe("");
  });

  describe("at the start, with a proxy that answers with a page", () => {
    const startAt = async (status: number) => {
      const proxy = createServer((_, response) => response.writeHead(status).end("<html>"));
      onTestFinished(() => void proxy.close());
      const terminal = new TestTerminal({ env: { TIDINGS_KEY: KEY } });
      const url = await listenOnLoopback(proxy);
      return { terminal, running: terminal.run("forward", "--redis", "redis://127.0.0.1:9", "--url", url) };
    };

    test.each([429, 502, 503, 522])("with status %i, waits for the service", async (status) => {
      const { terminal, running } = await startAt(status);
      await Promise.race([terminal.until("no connection to Redis"), running]);
      terminal.interrupt();
      expect(await running).toBe(0);
      expect(terminal.notes).toMatch(
        new RegExp(`status ${status} and no JSON.* Messages wait until the service accepts`),
      );
    });

    test("with status 404, ends: the address is wrong", async () => {
      const { terminal, running } = await startAt(404);
      expect(await running).toBe(1);
      expect(terminal.notes).toContain("Check --url.");
    });
  });

  test("warns of secrets that every user of the machine can see", async () => {
    const terminal = new TestTerminal();
    const running = terminal.run(
      "forward",
      "--key",
      KEY,
      "--redis",
      "redis://:secret@127.0.0.1:9",
      "--url",
      "http://127.0.0.1:9",
    );
    await terminal.until("no connection to Redis");
    terminal.interrupt();
    expect(await running).toBe(0);
    expect(terminal.notes).toContain("the secret in --key: set TIDINGS_KEY");
    expect(terminal.notes).toContain("the secret in --redis: set REDIS_URL");
    expect(`${terminal.notes}${terminal.output}`).not.toContain("secret@");
    expect(terminal.output).toBe(
      "stopped: 0 received, 0 published, 0 skipped, 0 failed, 0 dropped, 0 disconnects in total; 0 waiting",
    );
  });
});

describe("the report", () => {
  let terminal: TestTerminal;
  let report: ForwardReport;
  const start = (isJson = false) => {
    vi.useFakeTimers();
    onTestFinished(() => {
      report.end();
      vi.useRealTimers();
    });
    terminal = new TestTerminal();
    report = new ForwardReport(terminal, isJson, "order_* from here to there", () => 3);
  };
  const minutes = (count: number) => vi.advanceTimersByTime(count * 60_000);

  test("is a line a minute with what happened in it, and the state", () => {
    start();
    report.forwarding();
    for (const name of ["received", "received", "published"] as const) report.count(name);
    minutes(1);
    report.disconnected("the connection was lost");
    minutes(1);
    expect(terminal.outLines).toEqual([
      "forwarding: 2 received, 1 published, 0 skipped, 0 failed, 0 dropped, 0 disconnects in the last minute; 3 waiting",
      "disconnected: 0 received, 0 published, 0 skipped, 0 failed, 0 dropped, 1 disconnects in the last minute; 3 waiting",
    ]);
  });

  test("is JSON with --json", () => {
    start(true);
    minutes(1);
    expect(JSON.parse(terminal.output)).toEqual({
      ...{ state: "disconnected", received: 0, published: 0, skipped: 0, failed: 0, dropped: 0 },
      ...{ disconnects: 0, waiting: 3 },
    });
  });

  test("explains at most 100 messages a minute, each in a short line", () => {
    start();
    for (let n = 0; n < 150; n++) report.unpublished("skipped", `order_\n${"x".repeat(1000)}`, "y".repeat(1000));
    expect(terminal.noteLines).toHaveLength(100);
    expect(terminal.noteLines[0]?.length).toBeLessThan(700);
    expect(terminal.noteLines[0]).not.toContain("\n");
    minutes(1);
    expect(terminal.noteLines.at(-1)).toBe("50 more lines about single messages were left out");
  });

  test("escapes control characters, which publishers may put into names", () => {
    start();
    const message = Buffer.from('{"type":"t","data":{"\\u001b[2Jx":9007199254740993}}');
    new Forwarder(ORIGINAL, { add: vi.fn(), sendNow: vi.fn() }, report, () => {}).receive("products", message);
    expect(terminal.noteLines).toEqual([expect.stringContaining("data.\\u001b[2Jx is an integer beyond 2^53")]);
  });

  test("says once a minute that messages are dropped", () => {
    start();
    for (let n = 0; n < 3; n++) report.dropped();
    minutes(1);
    report.dropped();
    expect(terminal.noteLines).toEqual(Array(2).fill("too many messages wait for the service: new ones are dropped"));
  });

  test("says so for each of the two things that messages wait for", () => {
    start();
    report.dropped("service");
    report.dropped("lock");
    report.dropped("lock");
    expect(terminal.noteLines).toEqual(
      ["service", "lock"].map((awaited) => `too many messages wait for the ${awaited}: new ones are dropped`),
    );
  });

  test.skipIf(!hasPromtool("the metrics of tidings forward"))("is also metrics, which satisfy promtool", async () => {
    start();
    report.count("received");
    expect(report.metrics).toContain("\ntidings_forward_received_total 1\n");
    expect(await promtool(["check", "metrics"], report.metrics)).toEqual({ code: 0, said: "" });
  });
});

test("what waits for the service is bounded: further messages are dropped and counted, and later ones are taken again", async () => {
  const terminal = new TestTerminal();
  const report = new ForwardReport(terminal, false, "", () => 0);
  onTestFinished(() => report.end());
  const waiting: (() => void)[] = [];
  const answer = { id: "", channel: "products", seq: 1, status: "applied", receivers: 0 } as const;
  const queue = {
    add: () => new Promise<typeof answer>((resolve) => waiting.push(() => resolve(answer))),
    sendNow: () => {},
  };
  const forwarder = new Forwarder(ORIGINAL, queue, report, () => {});
  const message = Buffer.from(JSON.stringify({ type: "price_updated", data: { text: "x".repeat(1_000_000) } }));
  const room = Math.floor(MAX_WAITING_BYTES / (message.length + 1024));
  for (let n = 0; n < room + 5; n++) forwarder.receive("products", message);
  expect(forwarder.waiting).toBe(room);
  expect(report.metrics).toContain("\ntidings_forward_dropped_total 5\n");
  for (const settle of waiting.splice(0)) settle();
  await forwarder.drain(1000);
  expect(forwarder.waiting).toBe(0);
  forwarder.receive("products", message);
  expect(forwarder.waiting).toBe(1);
});

test("what waits for the lock is bounded: further messages are dropped and counted, and the others keep their order", () => {
  const terminal = new TestTerminal();
  const report = new ForwardReport(terminal, false, "", () => 0);
  onTestFinished(() => report.end());
  const held = new HeldMessages(report);
  const message = Buffer.alloc(1_000_000);
  const room = Math.floor(MAX_HELD_BYTES / (message.length + 1024));
  for (let n = 0; n < room + 5; n++) held.add(`order_${n}`, message);
  expect(report.metrics).toContain(`\ntidings_forward_unsure ${room}\n`);
  expect(report.metrics).toContain("\ntidings_forward_dropped_total 5\n");
  expect(terminal.noteLines).toEqual(["too many messages wait for the lock: new ones are dropped"]);
  expect(held.take().map(({ channel }) => channel)).toEqual(Array.from({ length: room }, (_, n) => `order_${n}`));
  expect(report.metrics).toContain("\ntidings_forward_unsure 0\n");
  held.add("products", message);
  expect(held.take()).toHaveLength(1);
});

/** Forwards one message, and returns what that caused. @param add Publishes its event. */
async function forwardOne(add: BatchQueue["add"]) {
  const terminal = new TestTerminal();
  const report = new ForwardReport(terminal, false, "", () => 0);
  onTestFinished(() => report.end());
  const fail = vi.fn();
  const forwarder = new Forwarder(ORIGINAL, { add, sendNow: () => {} }, report, fail);
  forwarder.receive("products", Buffer.from('{"type":"price_updated","data":{}}'));
  await forwarder.drain(1000);
  return { terminal, report, fail };
}

test.each([
  [401, true],
  [403, true],
  [413, false],
])("a publish call refused with %i is counted and explained, and ends the command: %s", async (status, ends) => {
  const add = () => Promise.reject(new PublishError("Refused.", { status }));
  const { terminal, report, fail } = await forwardOne(add);
  expect(terminal.noteLines).toEqual(['failed to publish a message on "products": Refused.']);
  expect(report.metrics).toContain("\ntidings_forward_failed_total 1\n");
  expect(fail).toHaveBeenCalledTimes(ends ? 1 : 0);
});

test("a key without the scope of a message ends the command, although its batch is accepted", async () => {
  const error = { type: "urn:tidings:problem:access_denied", title: "Access denied", status: 403, detail: "No scope." };
  const { terminal, report, fail } = await forwardOne(async ({ id }) => ({ id, status: "rejected", error }));
  expect(terminal.noteLines).toEqual(['failed to publish a message on "products": No scope.']);
  expect(report.metrics).toContain("\ntidings_forward_failed_total 1\n");
  expect(fail).toHaveBeenCalledTimes(1);
});
