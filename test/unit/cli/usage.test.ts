import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVENTS } from "../../../src/protocol/events.ts";
import { problem } from "../../../src/protocol/refusals.ts";
import { KEY, SECRET, TestTerminal } from "./test-terminal.ts";

const ORDER = "0b8f9a52-3c5d-4e0c-9a55-1de1f1a7c001";
const CREDENTIALS = ["--key", KEY, "--secret", SECRET];

describe("wrong usage exits with 2 and says how to correct it", () => {
  it.each([
    [["nonsense"], "unknown command"],
    [["token", "--ttl", "soon"], "whole number"],
    [["token", "--claim", "nothing"], "name=value"],
    [["token"], "Give it with --secret"],
    [["ticket", ORDER], "Give it with --key"],
    [["ticket", "products", ...CREDENTIALS], "is not an order id. It must be a UUID"],
    [["order", ORDER], "Give it with --key"],
    [["order", "42", ...CREDENTIALS], "is not an order id. It must be a UUID"],
    [["ticket", ORDER, "--ttl", "59"], "whole number, 60 to 604800"],
    [["bench", "--batch", "1001"], "whole number, 1 to 1000"],
    [["watch", "products", "--token", "e30.e30"], "three base64url parts"],
    [["order", "products", ...CREDENTIALS], "is not an order id. It must be a UUID"],
    [["order", "new", ...CREDENTIALS], "add --user"],
    [["order", "new", "--user", "", ...CREDENTIALS], "--user is empty."],
    [["order", ORDER, "--user", " ", "--status", "paid", ...CREDENTIALS], "--user is empty."],
    [["order", ORDER, "--delete", "--user", "a", ...CREDENTIALS], "Use --delete without"],
    [["publish", "orders", "order_shipped", ...CREDENTIALS], "is not a channel"],
    [["publish", ORDER, "order_lost", ...CREDENTIALS], "order_shipped"],
    [["publish", ORDER, "price_updated", ...CREDENTIALS], "does not go to this channel"],
    [["publish", ORDER, "order_shipped", "{carrier}", ...CREDENTIALS], "is not JSON"],
    [["publish", ORDER, "order_shipped", "-", ...CREDENTIALS], "Standard input is not JSON"],
    [["watch", ORDER, "--since", "3", ...CREDENTIALS], "go together"],
    [["watch", ORDER, "--product-id", "a", ...CREDENTIALS], "products channel"],
    [["watch", ORDER, "--conflate", ...CREDENTIALS], "products channel"],
    [["watch", ORDER, "--token", "t", "--role", "admin"], "--token decides who listens"],
    [["watch", "products", "--url", "shop", ...CREDENTIALS], "--url must be"],
    [["smoke", "--url", "http://localhost:99999", ...CREDENTIALS], "with a port up to 65535"],
    [["smoke", "--key", "two words"], "--key is not a publish key"],
    [["smoke", "--timeout", "0", ...CREDENTIALS], "whole number"],
    [["bench", "--sockets", "0", ...CREDENTIALS], "whole number"],
    [["cost", "--listeners", "0"], "whole number, 1 to"],
    [["cost", "--events", "1e3"], "a number from"],
    [["cost", "--session", "0"], "a number from 0.1"],
    [["cost", "--batch", "1001"], "whole number, 1 to 1000"],
    [["cost", "--filtered", "5/4"], "<products>/<catalogue>"],
    [["cost", "--filtered", "51/1000"], "1 to 50 products"],
    [["cost", "--shards", "65"], "whole number, 0 to 64"],
    [["cost", "--regions", "12"], "whole number, 1 to 11"],
    // Beyond what a timer, a date, an array or a number of JavaScript can hold.
    [["smoke", "--timeout", "99999999", ...CREDENTIALS], "whole number, 1 to 3600"],
    [["token", "--ttl", "999999999999999", ...CREDENTIALS], "whole number, 1 to 3155760000"],
    [["bench", "--sockets", "999999999999999", ...CREDENTIALS], "whole number, 1 to 100000"],
    [["bench", "--events", "999999999999999", ...CREDENTIALS], "whole number, 10 to 10000000"],
    [["publish", ORDER, "order_shipped", '{"x":[1e999]}', ...CREDENTIALS], "data.x[0] is too large for a number"],
    [
      ["publish", "products", "price_updated", '{"new_price":0.12345678901234567890}'],
      "data.new_price has more digits",
    ],
    [["token", "--claim", "shop.id=9007199254740993"], "shop.id is an integer beyond 2^53"],
    [["publish", ORDER, "order_shipped", '{"x":9007199254740993}', ...CREDENTIALS], "data.x is an integer beyond 2^53"],
  ])("tidings %j", async (args, message) => {
    const terminal = new TestTerminal({ input: "no JSON" });
    expect(await terminal.run(...args)).toBe(2);
    expect(terminal.notes).toContain(message);
    expect(terminal.output).toBe("");
  });
});

it("advice to quote the data is given for an argument, not for standard input", async () => {
  const notesOf = async (data: string) => {
    const terminal = new TestTerminal({ input: "no JSON" });
    await terminal.run("publish", ORDER, "order_shipped", data, ...CREDENTIALS);
    return terminal.notes;
  };
  expect(await notesOf("{carrier}")).toContain("Quote it");
  expect(await notesOf("-")).not.toContain("Quote it");
});

describe("a .dev.vars that cannot be read exits with 2 and says what to do", () => {
  it.each<[string, (path: string) => void, string]>([
    ["a folder", (path) => mkdirSync(path), ".dev.vars is a folder, but must be a file. Move the folder away"],
    ["a link to itself", (path) => symlinkSync(path, path), ".dev.vars cannot be read or written (ELOOP)."],
    [
      "UTF-16",
      (path) => writeFileSync(path, "JWT_SECRET=a", "utf16le"),
      ".dev.vars is not UTF-8 text. Save it as UTF-8.",
    ],
  ])("%s", async (_, make, message) => {
    const terminal = new TestTerminal();
    make(join(terminal.cwd, ".dev.vars"));
    expect(await terminal.run("token")).toBe(2);
    expect(terminal.notes).toContain(message);
    expect(terminal.notes.split("\n")).toHaveLength(1);
  });
});

it("--version prints the version of package.json", async () => {
  const terminal = new TestTerminal();
  expect(await terminal.run("--version")).toBe(0);
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8"));
  expect(terminal.output).toBe(version);
});

it("a port that browsers refuse to call exits with 3 and says so", async () => {
  const terminal = new TestTerminal();
  expect(await terminal.run("smoke", "--url", "http://127.0.0.1:6000", ...CREDENTIALS)).toBe(3);
  expect(terminal.notes).toContain("refuse to call this port; use another");
});

it.each(["token", "ticket", "order", "publish", "watch", "smoke", "bench", "cost"])(
  "%s --help exits with 0 and lists the exit codes",
  async (command) => {
    const terminal = new TestTerminal();
    expect(await terminal.run(command, "--help")).toBe(0);
    for (const part of ["--url", "--key", "--secret", "--json", "Examples:", "Exit codes:"]) {
      expect(terminal.output).toContain(part);
    }
  },
);

it.each([
  ["order", ORDER],
  ["ticket", ORDER],
  ["publish", "products", "product_created"],
  ["watch", "products"],
  ["smoke"],
  ["bench"],
])("%s exits with 3 when no service answers", async (...command) => {
  const terminal = new TestTerminal();
  // Port 9 (discard): nothing listens on it here.
  expect(await terminal.run(...command, "--url", "http://127.0.0.1:9", ...CREDENTIALS)).toBe(3);
  expect(terminal.notes).toMatch(/^Cannot reach http:\/\/127\.0\.0\.1:9: .*npm run dev/);
});

describe("with a service that answers", () => {
  let server: Server;
  let url: string;
  let answer: { status: number; body: unknown };
  let requests: { method: string | undefined; path: string | undefined; key: string | undefined; body: unknown }[];

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const text = (await request.toArray()).join("");
      const { method, url: path, headers } = request;
      requests.push({ method, path, key: headers.authorization, body: text && JSON.parse(text) });
      response
        .writeHead(answer.status, { "Content-Type": "application/json" })
        .end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    // A TCP server's address is never a string.
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const run = async (reply: typeof answer, ...args: string[]) => {
    answer = reply;
    requests = [];
    const terminal = new TestTerminal({ input: '{"from":"input"}' });
    return { exitCode: await terminal.run(...args, "--url", url, ...CREDENTIALS), terminal };
  };

  it("a refusal exits with 1 and names every bad field", async () => {
    const errors = [
      { field: "data.new_quantity", message: "must be a number" },
      { field: "version", message: "must be whole" },
    ];
    const refusal = { status: 422, body: problem("validation_failed", { errors }) };
    const { exitCode, terminal } = await run(refusal, "publish", "products", "inventory_updated", "{}");
    expect(exitCode).toBe(1);
    expect(terminal.notes).toBe(
      "Refused (422): Some fields are not valid.\n  data.new_quantity: must be a number\n  version: must be whole",
    );
    const asJson = await run(refusal, "publish", "products", "inventory_updated", "{}", "--json");
    expect(JSON.parse(asJson.terminal.notes)).toMatchObject({ status: 422, problem: { errors } });
  });

  it("an answer of another program exits with 1, in one line", async () => {
    for (const args of [
      ["publish", "products", "inventory_updated", "{}"],
      ["ticket", ORDER],
      ["order", ORDER, "--status", "paid"],
    ]) {
      const { exitCode, terminal } = await run({ status: 200, body: { hello: "there" } }, ...args);
      expect(exitCode).toBe(1);
      expect(terminal.notes).toMatch(/^The answer is not one that Tidings gives.*Check --url\.$/);
    }
  });

  it("a refused key is named by its source and never printed", async () => {
    const { exitCode, terminal } = await run({ status: 401, body: problem("key_invalid") }, "order", ORDER);
    expect(exitCode).toBe(1);
    expect(terminal.notes).toContain("The key came from --key");
    expect(terminal.notes).not.toContain(KEY);
  });

  it("without data, publishes the catalogue's example with the channel's own order", async () => {
    const result = { id: "a", channel: `order_${ORDER}`, seq: 4, status: "applied", receivers: 2 };
    const { exitCode, terminal } = await run(
      { status: 200, body: result },
      "publish",
      ORDER,
      "order_shipped",
      "--version",
      "7",
    );
    expect(exitCode).toBe(0);
    expect(terminal.output).toBe(`applied: order_shipped on order_${ORDER}, sent to 2 listeners as seq 4 (id a)`);
    const data = { ...EVENTS.order_shipped.example, order_id: ORDER };
    const body = { type: "order_shipped", data, version: 7 };
    expect(requests).toEqual([{ method: "POST", path: `/api/v1/publish/orders/${ORDER}`, key: `Bearer ${KEY}`, body }]);
  });

  it("reads data from standard input", async () => {
    const result = { id: "a", channel: "products", seq: null, status: "stale", receivers: 0 };
    const { terminal } = await run({ status: 200, body: result }, "publish", "products", "product_deleted", "-");
    expect(requests[0]?.body).toEqual({ type: "product_deleted", data: { from: "input" } });
    expect(terminal.output).toContain("nothing was sent");
  });

  it("requests a ticket and prints its token alone", async () => {
    const ticket = { token: "a.b.c", subject: "ticket:1", expires_at: "2026-11-22T10:15:30.000Z" };
    const { terminal } = await run({ status: 201, body: ticket }, "ticket", ORDER, "--ttl", "60");
    expect(terminal.output).toBe("a.b.c");
    const path = `/api/v1/orders/${ORDER}/tickets`;
    expect(requests).toEqual([{ method: "POST", path, key: `Bearer ${KEY}`, body: { ttl_seconds: 60 } }]);
  });

  it("corrects nothing when it cannot read the order's current state", async () => {
    const { exitCode } = await run({ status: 503, body: problem("unavailable") }, "order", ORDER, "--user", "bob");
    expect(exitCode).toBe(1);
    expect(requests.map(({ method }) => method)).toEqual(["GET"]);
  });

  it("gives a new order a random id and prints the id alone", async () => {
    const { terminal } = await run({ status: 201, body: {} }, "order", "new", "--user", "alice");
    expect(terminal.output).toMatch(/^[0-9a-f-]{36}$/);
    expect(requests.at(-1)).toMatchObject({ method: "PUT", path: `/api/v1/orders/${terminal.output}` });
  });

  it("a correction keeps the fields that it does not name", async () => {
    const known = { order_id: ORDER, user_id: "alice", status: "shipped", payment_status: "paid" };
    await run({ status: 200, body: known }, "order", ORDER, "--status", "delivered");
    expect(requests.at(-1)).toMatchObject({
      method: "PUT",
      body: { user_id: "alice", status: "delivered", payment_status: "paid" },
    });
  });

  it("an answer that is not JSON does not come from a Tidings service", async () => {
    const { exitCode, terminal } = await run({ status: 502, body: "<h1>Bad gateway</h1>" }, "smoke");
    expect(exitCode).toBe(1);
    expect(terminal.output).toContain("FAIL  health answers in its documented shape");
    expect(terminal.output).toContain("status 502 and no JSON: it is not a Tidings service");
  });
});
