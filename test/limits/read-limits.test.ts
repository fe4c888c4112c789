import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { app } from "../../src/edge/app.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import {
  BAD_CREDENTIALS_PER_ADDRESS,
  CONNECTS_PER_ADDRESS,
  CONNECTS_PER_USER,
  PUBLISHES_PER_KEY,
} from "../support/low-limits.ts";
import { connect, ORIGIN, registerOrder, request, serviceRequest } from "../support/service.ts";
import { TEST_ENV } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { signatureOf } from "../support/webhook-signature.ts";

/** Limits on reads: orders read by users, and bodies read to check a signature. */

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const RATE_LIMITED = { type: "urn:tidings:problem:rate_limited", status: 429 };

describe("order reads of a user:", () => {
  const user = () => `user-${crypto.randomUUID()}`;
  const read = (id: string, token: string) =>
    request(`/api/v1/orders/${id}`, { headers: { Authorization: `Bearer ${token}` } });

  test(`${CONNECTS_PER_USER} are answered, one more is 429 with Retry-After and wakes no object; those of others and of services are answered`, async () => {
    const alice = user();
    const [id, token] = [await registerOrder(alice), await mintToken({ subject: alice })];
    expect((await read(id, token)).status).toBe(200);
    for (let i = 1; i < CONNECTS_PER_USER; i++) expect((await read(crypto.randomUUID(), token)).status).toBe(404);
    const snapshot = vi.spyOn(OrderChannel.prototype, "snapshot");
    for (const order of [id, crypto.randomUUID()]) {
      const refused = await read(order, token);
      expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "60"]);
      expect(await refused.json()).toMatchObject(RATE_LIMITED);
    }
    expect(snapshot).not.toHaveBeenCalled();
    const bob = user();
    expect((await read(await registerOrder(bob), await mintToken({ subject: bob }))).status).toBe(200);
    for (let i = 0; i < 2 * CONNECTS_PER_USER; i++) {
      expect((await serviceRequest("GET", `/api/v1/orders/${id}`)).status).toBe(200);
    }
  });

  test("they count together with connection attempts", async () => {
    const token = await mintToken({ subject: user() });
    for (let i = 0; i < CONNECTS_PER_USER; i++) {
      expect((await (await connect(`orders/${crypto.randomUUID()}`, { token })).closed()).code).toBe(4004);
    }
    expect((await read(crypto.randomUUID(), token)).status).toBe(429);
  });

  test("a read with an invalid token is 401 and does not count", async () => {
    const token = await mintToken({ subject: user(), secret: "x".repeat(40) });
    for (let i = 0; i < 2 * CONNECTS_PER_USER; i++) expect((await read(crypto.randomUUID(), token)).status).toBe(401);
  });

  test("they are unlimited with RATE_LIMITS=off", async () => {
    const headers = { Authorization: `Bearer ${await mintToken({ subject: user() })}` };
    for (let i = 0; i < 2 * CONNECTS_PER_USER; i++) {
      const url = `${ORIGIN}/api/v1/orders/${crypto.randomUUID()}`;
      expect((await app.fetch(new Request(url, { headers }), { ...env, RATE_LIMITS: "off" })).status).toBe(404);
    }
  });
});

describe("a signed body", () => {
  const [shop, stock] = TEST_ENV.PUBLISH_KEYS.split(",").map((entry) => entry.split(":")[1] ?? "") as [string, string];
  const text = JSON.stringify({ type: "product_deleted", data: { product_id: "p" } });
  const from = (address: string, key: string, body: BodyInit = text) =>
    new Request(`${ORIGIN}/api/v1/publish/products`, {
      method: "POST",
      headers: { ...signatureOf(text, { key }), "CF-Connecting-IP": address },
      body,
    });
  const send = async (address: string, key: string, there = env) => (await app.fetch(from(address, key), there)).status;
  const STRANGER = "k".repeat(40);

  test(`is not read from an address with ${CONNECTS_PER_ADDRESS} bad signatures: 429 with Retry-After; another address is served`, async () => {
    for (let i = 0; i < CONNECTS_PER_ADDRESS; i++) {
      expect(await send("192.0.2.101", STRANGER)).toBe(i < BAD_CREDENTIALS_PER_ADDRESS ? 401 : 429);
    }
    const pull = vi.fn((controller: ReadableStreamDefaultController<Uint8Array>) => {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    });
    const body = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
    const refused = await app.fetch(from("192.0.2.101", shop, body), env);
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect(await refused.json()).toMatchObject(RATE_LIMITED);
    expect(pull).not.toHaveBeenCalled();
    expect(await send("192.0.2.102", shop)).toBe(200);
  });

  test("is limited per key, not per address, until a minute after the last good signature from that address", async () => {
    stopClock();
    const address = "192.0.2.103";
    expect(await send(address, stock)).toBe(200);
    // Its key's limit is what ends this, and a bad one more or less takes nothing from it.
    for (let i = 0; i < BAD_CREDENTIALS_PER_ADDRESS; i++) expect(await send(address, STRANGER)).toBe(401);
    for (let i = 0; i < 2 * CONNECTS_PER_ADDRESS; i++) expect(await send(address, STRANGER)).toBe(429);
    for (let i = 1; i < PUBLISHES_PER_KEY; i++) expect(await send(address, stock)).toBe(200);
    expect(await send(address, stock)).toBe(429);
    advanceClock(61_000);
    const answers = [];
    for (let i = 0; i < CONNECTS_PER_ADDRESS + 1; i++) answers.push(await send(address, STRANGER));
    expect(answers.at(-1)).toBe(429);
  });

  test("is always read and checked with RATE_LIMITS=off", async () => {
    const free = { ...env, RATE_LIMITS: "off" };
    for (let i = 0; i < 2 * CONNECTS_PER_ADDRESS; i++) expect(await send("192.0.2.104", STRANGER, free)).toBe(401);
  });
});
