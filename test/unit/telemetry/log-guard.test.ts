import { spawn, spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { guardConsole, leaks, silence } from "../../support/leak-guard/console.ts";
import { GuardedOutput, WELCOME } from "../../support/leak-guard/process-output.ts";
import { leakIn, rememberPayload, rememberSecret } from "../../support/leak-guard/rules.ts";
import { PUBLISH_KEY, TEST_ENV } from "../../support/test-env.ts";
import { mintToken } from "../../support/tokens.ts";

/** Tests of the log guard: it must find every kind of leak, wherever it is printed. */

const PROJECT = resolve(import.meta.dirname, "../../..");
const REASON = 'she said "Oslo", and moved';
const line = (fields: object) => JSON.stringify({ level: "error", event: "fault", ...fields });

describe("the log guard finds", () => {
  rememberPayload({ type: "order_cancelled", data: { reason: "the customer moved to Oslo" } });
  rememberPayload({ type: "order_cancelled", data: { reason: REASON } });
  rememberPayload(JSON.stringify({ events: [{ channel: "products", data: { name: 'a mug of 12" or so' } }] }));
  rememberPayload({ channel: "products", type: "product_updated", data: '{"name":"through \\"the\\" stream"}' });
  rememberPayload({ data: { note: `${"long ".repeat(1000)}` } });
  rememberSecret("a-secret-of-one-run-alone");

  const leaky: [what: string, text: () => string | Promise<string>][] = [
    ["a token in a URL", async () => `GET /api/v1/ws/products?token=${await mintToken()}`],
    ["the first part of a token", async () => (await mintToken()).slice(0, 40)],
    ["any value of a token parameter", () => "GET /x?token=anything"],
    ["an Authorization header", () => `Authorization: Bearer ${"k".repeat(32)}`],
    ["a publish key", () => `key ${PUBLISH_KEY} is bad`],
    ["the JWT secret", () => `${TEST_ENV.JWT_SECRET}!`],
    ["a secret generated for this run", () => "it is a-secret-of-one-run-alone"],
    ["a payload", () => 'Error: cannot store {"reason":"the customer moved to Oslo"}'],
    ["a payload with quotes, unescaped", () => `Error: ${REASON}`],
    ["a payload with quotes in an error message", () => line({ error: `Error: ${REASON}` })],
    [
      "a payload with quotes in JSON in an error message",
      () => line({ error: `Error: ${JSON.stringify({ reason: REASON })}` }),
    ],
    ["a payload of a batch that was sent as text", () => line({ error: 'a mug of 12" or so' })],
    ["a payload of a stream entry", () => line({ error: 'through "the" stream' })],
    ["the first part of a long payload", () => line({ error: "long ".repeat(1000) })],
    ["an unknown field", () => '{"level":"info","event":"publish","data":{}}'],
    ["an unknown field after another line", () => 'ready\n{"level":"info","event":"publish","data":{}}'],
  ];
  for (const [what, text] of leaky) {
    test(what, async () => expect(leakIn(await text())).not.toBeNull());
  }

  test("nothing in text that may be printed, including half a line", () => {
    for (const text of ["the service is ready", line({ where: "upkeep", error: "Error: no" }), '{"level":"info","ev']) {
      expect(leakIn(text)).toBeNull();
    }
  });

  test("no stack overflow in a body nested deeper than the call stack", () => {
    expect(() => rememberPayload("[".repeat(100_000) + "]".repeat(100_000))).not.toThrow();
  });
});

describe("the console guard", () => {
  test("checks everything printed, including objects' fields and messages hidden from the terminal", () => {
    vi.spyOn(console, "info").mockImplementation(() => {});
    guardConsole();
    const found = () => leaks.splice(0).length;
    for (const words of [["the key %s", PUBLISH_KEY], [{ key: PUBLISH_KEY }], [new Error(PUBLISH_KEY)]]) {
      console.info(...words);
      expect(found()).toBe(1);
    }
    silence();
    console.error(PUBLISH_KEY);
    expect(found()).toBe(1);
    console.info("the service is ready");
    expect(found()).toBe(0);
    vi.restoreAllMocks();
  });

  test("is not replaced by any test, and the service prints through it alone", () => {
    const files = globSync("test/{spec,limits}/**/*.ts", { cwd: PROJECT });
    expect(files.length).toBeGreaterThan(20);
    const replacing = files.filter((file) =>
      /spyOn\(console|console(\.\w+|\[\w+\]) =/.test(readFileSync(join(PROJECT, file), "utf8")),
    );
    expect(replacing).toEqual([]);
  });
});

describe("the process guard", () => {
  /** Starts a process that prints these pieces, each after the previous one was flushed. */
  function printing(pieces: string[], stream: "stdout" | "stderr" = "stdout") {
    const program = `
      const pieces = ${JSON.stringify(pieces)};
      const next = () => pieces.length > 0 && process.${stream}.write(pieces.shift(), () => setImmediate(next));
      next();`;
    return spawn(process.execPath, ["-e", program]);
  }
  const [half, otherHalf] = [PUBLISH_KEY.slice(0, 20), PUBLISH_KEY.slice(20)];

  test("finds a key on stdout and stderr, and names the process", async () => {
    for (const stream of ["stdout", "stderr"] as const) {
      const output = new GuardedOutput(printing([`${PUBLISH_KEY}\n`, "bye\n"], stream));
      await expect(output.expectClean("the program")).rejects.toThrow("the program printed a secret");
    }
  });

  test("finds a key that arrives in two pieces, also without a line break at the end", async () => {
    const output = new GuardedOutput(printing([`the key ${half}`, otherHalf]));
    await expect(output.expectClean("it")).rejects.toThrow("a secret");
  });

  test("accepts a log line that arrives in pieces", async () => {
    const text = line({ where: "upkeep", error: "Error: no" });
    const output = new GuardedOutput(printing([text.slice(0, 30), text.slice(30), "\n", text.slice(0, 20)]));
    await output.expectClean("it");
  });

  test("allows secrets in the welcome, but not before or after it", async () => {
    const welcome = `Tidings is at http://localhost:8000\n  ${PUBLISH_KEY}\n  npx tidings smoke\n`;
    await new GuardedOutput(printing(["ready\n", welcome, "bye\n"]), WELCOME).expectClean("it");
    for (const pieces of [
      [`${PUBLISH_KEY}\n`, welcome],
      [welcome, `${PUBLISH_KEY}\n`],
    ]) {
      const output = new GuardedOutput(printing(pieces), WELCOME);
      await expect(output.expectClean("it")).rejects.toThrow("a secret");
    }
  });

  test("fails when a welcome never ends", async () => {
    const output = new GuardedOutput(printing(["Tidings is at http://localhost:8000\n", "bye\n"]), WELCOME);
    await expect(output.expectClean("it")).rejects.toThrow("it never ended what may hold secrets");
  });

  test("reports nothing for a program that could not be started", async () => {
    const child = spawn("/no/such/program");
    child.once("error", () => {});
    await new GuardedOutput(child).expectClean("it");
  });
});

describe("the check of everything a run printed", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tidings-judge-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function judge(text: string) {
    const file = join(folder, "printed.txt");
    writeFileSync(file, text);
    const { status, stderr } = spawnSync(process.execPath, ["test/support/leak-guard/check-file.ts", file], {
      cwd: PROJECT,
      encoding: "utf8",
    });
    return { status, stderr };
  }

  test("passes output without secrets", () => {
    expect(judge("2 passed\n")).toEqual({ status: 0, stderr: "" });
  });

  test("fails for a token, a key or a payload, and names the line without showing it", async () => {
    expect(judge(`2 passed\nkey ${PUBLISH_KEY}\n`)).toEqual({ status: 1, stderr: "line 2 has a secret\n" });
    expect(judge(line({ error: "1Z999AA10123456784" })).stderr).toBe("line 1 has a payload\n");
    const { status, stderr } = judge(`${await mintToken()}\n`);
    expect([status, stderr]).toEqual([1, expect.not.stringContaining(".")]);
  });

  test("fails when nothing was printed, because then nothing was checked", () => {
    expect(judge("").status).toBe(2);
  });
});
