import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** Requests as bytes, which no client library would send: the bare runtime and the service answer, but never with 5xx. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

/** Sends bytes. @returns The status, or `closed` when the runtime drops the connection. */
async function send(text: string): Promise<number | "closed"> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  const answer = Promise.withResolvers<number | "closed">();
  let read = "";
  socket.on("data", (data) => {
    read += data.toString("latin1");
    const status = /^HTTP\/1\.1 (\d{3})/.exec(read)?.[1];
    if (status !== undefined) answer.resolve(Number(status));
  });
  socket.on("error", () => answer.resolve("closed"));
  socket.on("close", () => answer.resolve("closed"));
  socket.end(Buffer.from(text, "latin1"));
  const outcome = await answer.promise;
  socket.destroy();
  return outcome;
}

const line = (method: string, path: string, ...headers: string[]) =>
  `${[`${method} ${path} HTTP/1.1`, ...headers, "Connection: close"].join("\r\n")}\r\n\r\n`;
const ORIGIN = "Origin: https://stranger.example";
const UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
const KEY = `Authorization: Bearer ${PUBLISH_KEY}`;
const JSON_BODY = "Content-Type: application/json";
const PATHS = ["/api/v1/ws/health", "/api/v1/ws/products", "/api/v1/orders/x"];

const requests: [name: string, text: string][] = [
  ...["127.0.0.1:99999", "[", "[::1", "%", ":", "a\u00e9b", "x".repeat(3000)].flatMap((host) =>
    PATHS.map((path): [string, string] => [
      `Host: ${host.slice(0, 20)} for ${path}`,
      line("GET", path, `Host: ${host}`, ORIGIN),
    ]),
  ),
  ["no Host", line("GET", "/api/v1/ws/health", ORIGIN)],
  ["two Hosts", line("GET", "/api/v1/ws/health", "Host: a", "Host: b", ORIGIN)],
  ["a handshake without a key", line("GET", "/api/v1/ws/products", "Host: a", ...UPGRADE)],
  ["a handshake with an odd key", line("GET", "/api/v1/ws/products", "Host: a", ...UPGRADE, "Sec-WebSocket-Key: x")],
  ["an upgrade to another protocol", line("GET", "/api/v1/ws/products", "Host: a", "Upgrade: h2c")],
  ["a NUL in the path", line("GET", "/api/v1/orders/\0", "Host: a")],
  ["an encoded NUL", line("GET", "/api/v1/orders/%00", "Host: a")],
  ["broken percent-encoding", line("GET", "/api/v1/orders/%E0%A4%A?token=%ZZ&%", "Host: a", ORIGIN)],
  ["bytes beyond ASCII in the path", line("GET", "/api/v1/orders/\u00e9\u00ff", "Host: a", ORIGIN)],
  ["an absolute URL", line("GET", "http://[/api/v1/ws/health", "Host: a", ORIGIN)],
  ["an asterisk", line("OPTIONS", "*", "Host: a", ORIGIN)],
  ["a path of 30 KB", line("GET", `/api/v1/orders/${"x".repeat(30_000)}`, "Host: a", ORIGIN)],
  ["a header of 30 KB", line("GET", "/api/v1/ws/health", "Host: a", `Authorization: Bearer ${"x".repeat(30_000)}`)],
  ["a header with a NUL", line("GET", "/api/v1/ws/health", "Host: a", "Authorization: Bearer \0")],
  ["a header beyond ASCII", line("GET", "/api/v1/ws/health", "Host: a", "Authorization: Bearer \u00e9\u00ff")],
  [
    "a body shorter than announced",
    `${line("POST", "/api/v1/publish/products", "Host: a", KEY, JSON_BODY, "Content-Length: 50")}{}`,
  ],
  [
    "a body longer than announced",
    `${line("POST", "/api/v1/publish/products", "Host: a", KEY, JSON_BODY, "Content-Length: 1")}{}`,
  ],
  [
    "a length that is none",
    `${line("POST", "/api/v1/publish/products", "Host: a", KEY, JSON_BODY, "Content-Length: x")}{}`,
  ],
  [
    "a negative length",
    `${line("POST", "/api/v1/publish/products", "Host: a", KEY, JSON_BODY, "Content-Length: -1")}{}`,
  ],
  [
    "chunks that are none",
    `${line("POST", "/api/v1/publish/products", "Host: a", KEY, JSON_BODY, "Transfer-Encoding: chunked")}zz\r\n`,
  ],
  [
    "both lengths",
    `${line("POST", "/api/v1/publish/products", "Host: a", KEY, JSON_BODY, "Content-Length: 2", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  ],
];

describe("never a 5xx", () => {
  for (const [name, text] of requests) {
    test(name, async () => {
      const status = await send(text);
      if (status !== "closed") expect([name, status]).toEqual([name, Math.min(status, 499)]);
    });
  }

  test("and nothing was counted or logged as a fault", async () => {
    const metrics = await fetch(`${service.url}/metrics`, { headers: { Authorization: `Bearer ${PUBLISH_KEY}` } });
    expect(await metrics.text()).not.toMatch(/^tidings_errors_total\{where="request"\} [1-9]/m);
  });
});
