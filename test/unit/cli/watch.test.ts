import { spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { eventLine } from "../../../src/cli/watch/report.ts";
import { CLOSE_CODES } from "../../../src/protocol/close-codes.ts";
import { PING, PONG } from "../../../src/protocol/frames.ts";
import { endWithThisProcess } from "../../support/processes.ts";
import { SECRET, TestTerminal } from "./test-terminal.ts";

const TIDINGS = join(import.meta.dirname, "../../../src/cli/tidings.ts");

const TS = "2026-11-22T10:15:30.123Z";
const event = (seq: number) =>
  JSON.stringify({ type: "product_created", data: { product_id: `p-${seq}` }, id: `e-${seq}`, seq, ts: TS });
const established = (seq: number, resumed: boolean | null, epoch = "e1") =>
  JSON.stringify({ type: "connection_established", data: { channel: "products", seq, epoch, resumed }, ts: TS });

describe("tidings watch", () => {
  let server: WebSocketServer;
  let url: string;
  /** What the server does with each connection, in turn. */
  let plays: ((socket: WebSocket) => void)[];
  /** The query and the token of each connection. */
  let queries: URLSearchParams[];
  let tokens: (string | undefined)[];

  beforeEach(async () => {
    plays = [];
    queries = [];
    tokens = [];
    server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    server.on("connection", (socket, request) => {
      queries.push(new URL(request.url ?? "", "http://service").searchParams);
      tokens.push(/bearer\.([\w.-]+)/.exec(request.headers["sec-websocket-protocol"] ?? "")?.[1]);
      socket.on("message", (message) => String(message) === PING && socket.send(PONG));
      plays.shift()?.(socket);
    });
    await once(server, "listening");
    // A TCP server's address is never a string.
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  const watch = (...args: string[]) => {
    const terminal = new TestTerminal();
    return { terminal, exitCode: terminal.run("watch", "products", "--url", url, "--secret", SECRET, ...args) };
  };
  const say =
    (...messages: string[]) =>
    (socket: WebSocket) => {
      for (const message of messages) socket.send(message);
    };

  it("explains why no connection was accepted", async () => {
    server.on("connection", (socket) => socket.close(4110, "Too many connections"));
    const { terminal, exitCode } = watch();
    expect(await exitCode).toBe(1);
    expect(terminal.notes).toContain("Closed with 4110 (too_many_connections");
    expect(terminal.notes).toContain(CLOSE_CODES[4110].remedy);
  });

  it("ends when the reader of its output does, as in `| head`", async () => {
    plays = [say(established(0, null), event(1))];
    const args = ["watch", "products", "--url", url, "--secret", SECRET];
    const child = spawn(process.execPath, [TIDINGS, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    endWithThisProcess(child);
    await once(child.stdout, "data");
    child.stdout.destroy();
    let seq = 1;
    const sending = setInterval(() => {
      seq++;
      for (const socket of server.clients) socket.send(event(seq));
    }, 50);
    onTestFinished(() => clearInterval(sending));
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("resumes after a disconnect at the last event, with a fresh token, and reports what it recovered", async () => {
    plays = [
      (socket) => {
        say(established(3, null), event(4))(socket);
        socket.close(4200);
      },
      say(established(6, true), event(5), event(6), event(7)),
    ];
    const { terminal, exitCode } = watch();
    await terminal.until("p-7");
    await terminal.until("recovered 2 events since seq 4");
    terminal.interrupt();
    expect(await exitCode).toBe(0);
    expect(terminal.outLines.map((line) => line.match(/p-\d/)?.[0])).toEqual(["p-4", "p-5", "p-6", "p-7"]);
    expect(queries.map((query) => [query.get("since"), query.get("epoch")])).toEqual([
      [null, null],
      ["4", "e1"],
    ]);
    expect(new Set(tokens).size).toBe(2);
    expect(terminal.notes).toContain("4 events in 2 connections. To continue from here, add --since");
    expect(terminal.notes).toContain("--since 7 --epoch e1");
  });

  it("prints an event once, even when it arrives twice", async () => {
    plays = [say(established(0, null), event(1), event(1), event(2))];
    const { terminal } = watch();
    await terminal.until("p-2");
    expect(terminal.outLines).toHaveLength(2);
    terminal.interrupt();
  });

  it.each([
    ["e1", "the history no longer reaches back that far"],
    ["e2", "the channel started a new epoch"],
  ])("reports that it could not recover, now in epoch %s, and goes on from there", async (epoch, why) => {
    plays = [say(established(40, false, epoch), event(41))];
    const { terminal } = watch("--since", "2", "--epoch", "e1");
    await terminal.until("p-41");
    expect(queries[0]?.get("since")).toBe("2");
    expect(terminal.notes).toContain(`could not recover: ${why}`);
    expect(terminal.notes).not.toContain("gap");
    terminal.interrupt();
    await terminal.until(`--since 41 --epoch ${epoch}`);
  });

  it("asks again for missing events, and reports a gap when they do not arrive", async () => {
    plays = [say(established(1, null), event(4)), say(established(4, true), event(4))];
    const { terminal } = watch();
    await terminal.until("gap: nothing arrived between seq 1 and seq 4");
    expect(queries[1]?.get("since")).toBe("1");
    terminal.interrupt();
  });

  it("reports no gap when it listens to some products only", async () => {
    plays = [say(established(1, null), event(4))];
    const { terminal } = watch("--product-id", "p-4,p-5");
    await terminal.until("p-4");
    expect(queries[0]?.get("product_id")).toBe("p-4,p-5");
    expect(terminal.notes).not.toContain("gap");
    terminal.interrupt();
  });

  it.each([4000, 4003, 4004, 4005] as const)("stops at %d with its meaning and what to do", async (code) => {
    plays = [(socket) => socket.close(code, "no")];
    const { terminal, exitCode } = watch();
    expect(await exitCode).toBe(1);
    expect(terminal.notes).toContain(`${CLOSE_CODES[code].meaning} ${CLOSE_CODES[code].remedy}`);
  });

  it("asks about the secret when the service refuses the tokens that it mints", async () => {
    const refuse = (socket: WebSocket) => socket.close(4001, "Invalid token");
    plays = [refuse, refuse];
    const { terminal, exitCode } = watch();
    expect(await exitCode).toBe(1);
    expect(terminal.notes).toContain(`signed with --secret: is that the JWT_SECRET of ${url}?`);
  });

  it("mints a new token when one has expired, but stops when the token was given", async () => {
    const endsSoon = (socket: WebSocket) => {
      socket.send(established(0, null));
      socket.close(4001, "Token expired");
    };
    plays = [endsSoon, say(established(0, true), event(1))];
    const minting = watch();
    await minting.terminal.until("p-1");
    minting.terminal.interrupt();

    plays = [endsSoon];
    expect(await watch("--token", "gi.v.en").exitCode).toBe(1);
    expect(tokens.at(-1)).toBe("gi.v.en");
  });

  it("prints with --json every frame, one per line", async () => {
    plays = [say(established(3, null), event(4))];
    const { terminal } = watch("--json");
    await terminal.until("p-4");
    const [first = "", ...rest] = terminal.outLines;
    // The SDK passes on the first frame's data; `ts` is when it arrived.
    const { ts, ...frame } = JSON.parse(first);
    expect({ ...frame, ts: TS }).toEqual(JSON.parse(established(3, null)));
    expect(new Date(ts).toISOString()).toBe(ts);
    expect(rest).toEqual([event(4)]);
    terminal.interrupt();
  });
});

it("a line shows the event's data, and no control sequence that a terminal would obey", () => {
  const data = { order_id: "left out", carrier: "UPS", "no\u001b[2Jte": "\u001b[2Jgone\u009b2J", lines: [1, null] };
  const line = eventLine({ seq: 7, ts: TS, type: "order_shipped", data });
  expect(line).toMatch(
    /^ {4}7 {2}2026-11-22T10:15:30.123Z {2}order_shipped +carrier=UPS no\\u001b\[2Jte="\\u001b\[2Jgone\\u009b2J" lines=\[1,null\]$/,
  );
});
