import { afterEach, describe, expect, test } from "vitest";
import { MAX_BATCH_BYTES, MAX_EVENT_BYTES } from "../../src/protocol/publish.ts";
import type { Problem } from "../../src/protocol/refusals.ts";
import { connect, registerOrder, request, serviceRequest } from "../support/service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import type { TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";
import { signatureOf } from "../support/webhook-signature.ts";

/** What is sent is what is measured, and what was published is what is sent. */

const open: TestSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});
async function listen(): Promise<TestSocket> {
  const socket = await connect("products", { token: await mintToken() });
  open.push(socket);
  await socket.frame();
  return socket;
}

const product = (data: string) => `{"type":"product_deleted","data":{"product_id":"p",${data}}}`;
const bytesOf = (text: string) => new TextEncoder().encode(text).length;

/** Publishes an event, given as text, alone and in a batch. @returns The problem of each, or null. */
async function publishBothWays(event: string): Promise<(Problem | null)[]> {
  const alone = await serviceRequest("POST", "/api/v1/publish/products", event);
  const batch = await serviceRequest(
    "POST",
    "/api/v1/publish/batch",
    `{"events":[${event.slice(0, -1)},"channel":"products"}]}`,
  );
  const { results } = await batch.json<{ results: { error?: Problem }[] }>();
  return [alone.ok ? null : await alone.json<Problem>(), results[0]?.error ?? null];
}

describe("an event's size is that of the frame that goes out", () => {
  test("numbers that become longer count as they are sent: 59 KB in, 202 KB out is 413", async () => {
    const event = product(`"n":[${Array(11_900).fill("1e15").join()}]`);
    expect(bytesOf(event)).toBeLessThan(MAX_EVENT_BYTES);
    const socket = await listen();
    for (const problem of await publishBothWays(event)) {
      expect(problem).toMatchObject({ status: 413, type: "urn:tidings:problem:body_too_large" });
    }
    expect(await socket.settle()).toEqual([]);
  });

  test("whitespace and escapes do not count", async () => {
    const socket = await listen();
    for (const event of [
      product(`"n":${" ".repeat(2 * MAX_EVENT_BYTES)}1`),
      product(`"n":"${"\\u0444".repeat(20_000)}"`),
      product(`"n":"${"\\ud83c\\udf75".repeat(15_000)}"`),
    ]) {
      expect(bytesOf(event)).toBeGreaterThan(MAX_EVENT_BYTES);
      expect(await publishBothWays(event)).toEqual([null, null]);
      for (let i = 0; i < 2; i++) expect(bytesOf(await socket.text())).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    }
  });

  test("a body has a size of its own", async () => {
    const event = product(`"n":${" ".repeat(MAX_BATCH_BYTES)}1`);
    expect((await serviceRequest("POST", "/api/v1/publish/products", event)).status).toBe(413);
  });
});

describe("a number that would change is refused, and its field is named", () => {
  const lost: [literal: string, message: RegExp][] = [
    ["0.1234567890123456789", /more digits than a number holds/],
    ["-0.12345678901234567", /more digits than a number holds/],
    ["9.9999999999999999", /more digits than a number holds/],
    ["1e-400", /more digits than a number holds/],
    ["1e400", /too large for a number/],
    ["-1e400", /too large for a number/],
    ["9007199254740993", /beyond 2\^53/],
    ["1e23", /beyond 2\^53/],
  ];
  for (const [literal, message] of lost) {
    test(literal, async () => {
      const socket = await listen();
      for (const problem of await publishBothWays(product(`"a":[0,{"n":${literal}}]`))) {
        expect(problem?.status).toBe(422);
        expect(problem?.errors).toEqual([{ field: "data.a[1].n", message: expect.stringMatching(message) }]);
      }
      expect(await socket.settle()).toEqual([]);
    });
  }

  test("in a field that the service reads itself, too", async () => {
    const id = await registerOrder();
    const path = `/api/v1/publish/orders/${id}`;
    const event = '{"type":"order_shipped","data":{},"version":1.00000000000000000001}';
    const refused = await serviceRequest("POST", path, event);
    expect(refused.status).toBe(422);
    expect((await refused.json<Problem>()).errors).toEqual([expect.objectContaining({ field: "version" })]);
  });

  for (const literal of [
    "0.1",
    "1.10",
    "1e15",
    "0.30000000000000004",
    "0.10000000000000001",
    "5e-324",
    "9007199254740991",
  ]) {
    test(`${literal} is sent as that number`, async () => {
      const socket = await listen();
      expect(await publishBothWays(product(`"n":${literal}`))).toEqual([null, null]);
      expect((await socket.frame()).data.n).toBe(Number(literal));
    });
  }
});

describe("a body in a coding that the service does not decode", () => {
  const event = product('"n":1');
  const withHeaders = (headers: Record<string, string>, path = "publish/products", body: BodyInit = event) =>
    request(`/api/v1/${path}`, {
      method: path.startsWith("orders") ? "PUT" : "POST",
      headers: { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json", ...headers },
      body,
    });

  const zipped = async () =>
    new Response(new Response(event).body?.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();

  for (const coding of [
    "gzip",
    "GZIP",
    "x-gzip",
    "br",
    "deflate",
    "zstd",
    "compress",
    "identity, gzip",
    "gzip,identity",
    "utf-8",
  ]) {
    test(`${coding}: 415 with Accept-Encoding (RFC 9110, section 15.5.16)`, async () => {
      const response = await withHeaders({ "Content-Encoding": coding }, "publish/products", await zipped());
      expect([response.status, response.headers.get("Accept-Encoding")]).toEqual([415, "identity"]);
      expect(await response.json()).toMatchObject({ type: "urn:tidings:problem:unsupported_encoding" });
    });
  }

  for (const path of [
    "publish/batch",
    `publish/orders/${crypto.randomUUID()}`,
    `orders/${crypto.randomUUID()}`,
    "disconnect",
    `orders/${crypto.randomUUID()}/tickets`,
  ]) {
    test(`is 415 at ${path.replace(/[\da-f-]{36}/, "{order_id}")}, too`, async () => {
      const method = path.startsWith("orders") && !path.endsWith("tickets") ? "PUT" : "POST";
      const response = await request(`/api/v1/${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${PUBLISH_KEY}`,
          "Content-Type": "application/json",
          "Content-Encoding": "gzip",
        },
        body: await zipped(),
      });
      expect([response.status, response.headers.get("Accept-Encoding")]).toEqual([415, "identity"]);
    });
  }

  test("is 415 when it is signed, too", async () => {
    const response = await request("/api/v1/publish/products", {
      method: "POST",
      headers: { ...signatureOf(event, { key: PUBLISH_KEY }), "Content-Encoding": "gzip" },
      body: event,
    });
    expect([response.status, response.headers.get("Accept-Encoding")]).toEqual([415, "identity"]);
  });

  for (const coding of ["", "identity", "Identity", "identity, identity"]) {
    test(`${JSON.stringify(coding)} is no coding: 200`, async () => {
      expect((await withHeaders({ "Content-Encoding": coding })).status).toBe(200);
    });
  }

  for (const type of [
    "application/json; charset=iso-8859-1",
    "application/json;charset=UTF-16",
    'application/json; Charset="latin1"',
  ]) {
    test(`${type}: 415 with Accept`, async () => {
      const response = await withHeaders({ "Content-Type": type });
      expect([response.status, response.headers.get("Accept")]).toEqual([415, "application/json"]);
      expect(await response.json()).toMatchObject({ detail: "The body must be UTF-8." });
    });
  }

  for (const type of [
    "application/json; charset=utf-8",
    'application/json;charset="UTF-8"',
    "Application/JSON; charset=utf8; x=y",
  ]) {
    test(`${type}: 200`, async () => {
      expect((await withHeaders({ "Content-Type": type })).status).toBe(200);
    });
  }

  test("another media type is 415 with Accept", async () => {
    const response = await withHeaders({ "Content-Type": "text/plain" });
    expect([response.status, response.headers.get("Accept")]).toEqual([415, "application/json"]);
  });
});
