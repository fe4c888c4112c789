import fc from "fast-check";
import { WebSocket } from "ws";
import { EVENTS } from "../../../src/protocol/events.ts";
import { listenAt, registerOrderAt } from "../../support/node-client.ts";
import { residentBytes } from "../../support/processes.ts";
import { PUBLISH_KEY } from "../../support/test-env.ts";
import { mintToken } from "../../support/tokens.ts";
import { startTidings } from "../../support/workerd.ts";
import { nearlyValid, nearlyValidText } from "./mutations.ts";

/** Requests, handshakes and messages that are almost right, over real sockets to the service's process. */

const CONCURRENT = 24;
/** Every status that the OpenAPI document may name for these calls. A socket's handshake is answered with 101. */
const DOCUMENTED = new Set([101, 200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 413, 415, 422, 426, 429]);
const MESSAGES_PER_SOCKET = 15;
/** The runtime's memory may grow while its caches fill. */
const MAX_GROWTH_MB = 150;
const UNTOUCHED = "a-product-that-no-input-names";

interface OddCall {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer> | undefined;
}

export interface WireResult {
  calls: number;
  sockets: number;
  messages: number;
  grownMB: number;
  failures: string[];
}

export async function fuzzOverTheWire(calls: number, sockets: number, seed: number): Promise<WireResult> {
  const service = await startTidings({ PRODUCTS_SHARDS: "1", MAX_CONNECTIONS_PER_USER: "1000" });
  const failures = new Set<string>();
  try {
    const { url } = service;
    const token = await mintToken({ expiresIn: 7200 });
    const order = await registerOrderAt(url);
    const bystander = await listenAt(url, "products", { subject: "bystander", query: { product_id: UNTOUCHED } });
    const stranger = await registerOrderAt(url, "stranger");
    const owner = await listenAt(url, `orders/${stranger}`, { subject: "stranger" });

    const inputs = fc.sample(oddCall(order, token), { numRuns: calls, seed }).values();
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        for (const call of inputs) {
          const status = await send(url, call);
          if (status !== null && !DOCUMENTED.has(status)) failures.add(`${status} for ${describe(call)}`);
        }
      }),
    );
    const before = residentBytes(service.pid);
    let messages = 0;
    const scripts = fc.sample(script(order, token), { numRuns: sockets, seed }).values();
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        for (const one of scripts) {
          messages += one.messages.length;
          const code = await converse(url, one);
          if (!MAY_CLOSE(code)) failures.add(`close ${code} after ${JSON.stringify(one).slice(0, 500)}`);
        }
      }),
    );
    const grownMB = Math.round((residentBytes(service.pid) - before) / 2 ** 20);
    if (grownMB > MAX_GROWTH_MB) failures.add(`memory grew by ${grownMB} MB`);
    if (bystander.frames.length > 0) failures.add("a listener of another product received an event");
    if (owner.frames.length > 0) failures.add("the owner of another order received an event");
    const metrics = await fetch(`${url}/metrics`, { headers: { Authorization: `Bearer ${PUBLISH_KEY}` } });
    const faults = (await metrics.text()).match(/^tidings_errors_total\{.*\} [1-9].*$/gm) ?? [];
    for (const line of faults) failures.add(`counted as a fault: ${line}`);
    bystander.close();
    owner.close();
    return { calls, sockets, messages, grownMB, failures: [...failures] };
  } finally {
    // Throws when a token, a key or a payload was printed.
    await service.stop();
  }
}

function oddCall(order: string, token: string): fc.Arbitrary<OddCall> {
  const bodies = Object.entries(EVENTS).map(([type, { example, channel }]) => ({
    type,
    data: { ...example, ...(channel === "order" && { order_id: order }) },
  }));
  const registration = { user_id: "alice", status: "pending", payment_status: "pending" };
  const routes: [method: string, path: string, examples: unknown[]][] = [
    ["POST", `/api/v1/publish/orders/${order}`, bodies],
    ["POST", "/api/v1/publish/products", bodies],
    ["POST", "/api/v1/publish/batch", [{ events: bodies.map((body) => ({ channel: "products", ...body })) }]],
    ["PUT", `/api/v1/orders/${order}`, [registration, { ...registration, version: 1 }]],
    ["POST", `/api/v1/orders/${order}/tickets`, [{ ttl_seconds: 60 }, {}]],
    ["POST", "/api/v1/disconnect", [{ channel: "products", user_id: "nobody" }]],
    ["GET", `/api/v1/orders/${order}?token=${token}`, []],
    ["GET", "/api/v1/ws/health", []],
    ["GET", `/api/v1/ws/products?token=${token}&product_id=a&since=1&epoch=e`, []],
  ];
  const json = (examples: unknown[]) =>
    fc.oneof(
      nearlyValid(examples).map((value) => JSON.stringify(value) ?? ""),
      nearlyValidText(examples.map((example) => JSON.stringify(example))),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => new Uint8Array(bytes)),
    );
  const visible = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  const headers = fc.dictionary(
    fc.constantFrom(
      "Origin",
      "Idempotency-Key",
      "webhook-id",
      "webhook-timestamp",
      "webhook-signature",
      "Accept",
      "If-None-Match",
    ),
    visible,
    { maxKeys: 2 },
  );
  return fc.constantFrom(...routes).chain(([method, path, examples]) =>
    fc.record({
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant(method) },
        { weight: 1, arbitrary: fc.constantFrom("GET", "PUT", "PATCH", "DELETE") },
      ),
      path: fc.oneof(
        fc.constant(path),
        nearlyValidText([path]).map((text) => encodeURI(`/${text.toWellFormed()}`)),
      ),
      headers: headers.chain((odd) =>
        fc.constantFrom(
          { "Content-Type": "application/json", Authorization: `Bearer ${PUBLISH_KEY}`, ...odd },
          { "Content-Type": "application/json; charset=utf-8", Authorization: `Bearer ${token}`, ...odd },
          odd,
        ),
      ),
      body: method === "GET" ? fc.constant(undefined) : json(examples.length > 0 ? examples : [{}]),
    }),
  );
}

/** @returns The status, or null when Node refuses to send the request. */
async function send(url: string, { method, path, headers, body }: OddCall): Promise<number | null> {
  const hasBody = body !== undefined && !["GET", "DELETE"].includes(method);
  let request: Request;
  try {
    request = new Request(new URL(path.replace(/^\/+/, "/"), url), { method, headers, ...(hasBody && { body }) });
  } catch {
    return null;
  }
  if (new URL(request.url).origin !== url) return null;
  const response = await fetch(request);
  await response.arrayBuffer();
  return response.status;
}

interface Script {
  path: string;
  protocols: string[];
  messages: string[];
}

function script(order: string, token: string): fc.Arbitrary<Script> {
  const message = fc.oneof(
    nearlyValid<unknown>([
      { type: "subscribe", product_ids: ["a", "b"] },
      { type: "unsubscribe", product_ids: ["a"] },
      { type: "authenticate", token },
      { type: "ack", seq: 1, nonce: "n" },
      { type: "ping" },
    ]).map((value) => JSON.stringify(value) ?? ""),
    nearlyValidText(['{"type":"subscribe","product_ids":["a"]}', "ping", `{"type":"authenticate","token":"${token}"}`]),
  );
  return fc.record({
    path: fc.oneof(
      fc.constantFrom(`orders/${order}?token=${token}`, `products?token=${token}&product_id=a`),
      nearlyValidText([`products?token=${token}&since=1&epoch=e`, `orders/${order}?token=${token}`]),
    ),
    protocols: fc.constantFrom([], ["tidings.v1"], ["tidings.v1", `bearer.${token}`]),
    messages: fc.array(message, { maxLength: MESSAGES_PER_SOCKET }),
  });
}

/** Documented codes; the client's own close; a path that is no socket's. */
const MAY_CLOSE = (code: number) => (code >= 4000 && code < 4300) || [1000, 1005].includes(code) || code === 400;

/** Sends the messages of a script, then closes. @returns The close code, or 400 when the handshake was refused. */
async function converse(url: string, { path, protocols, messages }: Script): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let socket: WebSocket;
  try {
    const address = `${url.replace("http", "ws")}/api/v1/ws/${encodeURI(path.toWellFormed()).replaceAll("#", "%23")}`;
    socket = new WebSocket(address, protocols, { perMessageDeflate: false });
  } catch {
    return 400;
  }
  socket.on("open", () => {
    for (const message of messages) socket.send(message);
    // The answer shows that everything before it was read.
    socket.send("ping");
  });
  socket.on("message", (data) => {
    if (String(data) === "pong") socket.close(1000);
  });
  socket.on("unexpected-response", (_, response) => {
    const status = Number(response.statusCode);
    resolve(DOCUMENTED.has(status) ? 400 : status);
    socket.terminate();
  });
  socket.on("error", () => {});
  socket.on("close", (code) => resolve(code));
  return promise;
}

/** A call for a report, without its credentials. */
const describe = ({ method, path, headers, body }: OddCall) =>
  `${method} ${path.replace(/token=[^&]*/, "token=…")} ${Object.keys(headers)} ${String(body).slice(0, 300)}`;
