import { evictAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, vi } from "vitest";
import { socketObjectStub } from "../../src/channels/directory.ts";
import type { OrderRegistration, PublishResult } from "../../src/protocol/publish.ts";
import { channelOfObject } from "../../src/protocol/shards.ts";
import type { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { registryStubs } from "../../src/registry/directory.ts";
import { StoredCounts } from "../../src/registry/stored-counts.ts";
import { rememberPayload } from "./leak-guard/rules.ts";
import { PUBLISH_KEY } from "./test-env.ts";
import { TestSocket } from "./test-socket.ts";
import { mintToken } from "./tokens.ts";

/** Calls the service inside workerd through its URL, and evicts its objects. */

export const ORIGIN = "https://tidings.example";

export async function request(path: string, init?: RequestInit): Promise<Response> {
  if (typeof init?.body === "string") rememberPayload(init.body);
  return exports.default.fetch(new Request(`${ORIGIN}${path}`, init));
}

/** Sends a request as a service: JSON, with the publish key. */
export async function serviceRequest(
  method: string,
  path: string,
  body?: unknown,
  headers: HeadersInit = {},
): Promise<Response> {
  return request(path, {
    method,
    headers: { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json", ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

/** Publishes and expects a 200. */
export async function publish(path: string, body: unknown, headers: HeadersInit = {}): Promise<PublishResult> {
  const response = await serviceRequest("POST", `/api/v1/publish/${path}`, body, headers);
  const answer = await response.json<PublishResult>();
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer;
}

/** Registers a new order that belongs to `user`. @returns Its id. */
export async function registerOrder(user = "alice", more: Partial<OrderRegistration> = {}): Promise<string> {
  const id = crypto.randomUUID();
  const body = { user_id: user, status: "pending", payment_status: "pending", ...more };
  expect((await serviceRequest("PUT", `/api/v1/orders/${id}`, body)).status).toBe(201);
  return id;
}

export interface ConnectOptions {
  token?: string | null;
  /** A list is a repeated parameter. */
  query?: Record<string, string | string[]>;
  headers?: Record<string, string>;
  /** Where the client is, as Cloudflare tells the Worker. */
  cf?: Pick<IncomingRequestCfProperties, "continent">;
}

/** Opens a WebSocket as a browser would, by default with the token in the query. */
export async function connect(
  path: string,
  { token, query = {}, headers = {}, cf }: ConnectOptions = {},
): Promise<TestSocket> {
  const parameters = Object.entries({ ...(token && { token }), ...query });
  const search = new URLSearchParams(parameters.flatMap(([name, value]) => [value].flat().map((one) => [name, one])));
  const response = await request(`/api/v1/ws/${path}${search.size > 0 ? `?${search}` : ""}`, {
    headers: { Upgrade: "websocket", ...headers },
    ...(cf && { cf }),
  });
  return new TestSocket(response);
}

/** Opens a WebSocket and takes its first frame; without a token or headers it is Alice's. */
export async function listen(path: string, options: ConnectOptions = {}): Promise<TestSocket> {
  const isAnonymous = options.token === undefined && options.headers === undefined;
  const socket = await connect(path, isAnonymous ? { ...options, token: await mintToken() } : options);
  expect((await socket.frame()).type).toBe("connection_established");
  return socket;
}

/** Hibernates every object, as the runtime does when nothing happens; sockets stay open. */
export async function hibernateAll(): Promise<void> {
  // Seldom, because each look costs a slow machine time that the registry needs to save.
  const patience = { timeout: 60_000, interval: 1000 };
  for (const registry of registryStubs(env)) await vi.waitFor(() => expectSaved(registry), patience);
  await evictAllDurableObjects();
}

/** A registry pauses before it saves its counts, and does not hibernate before that. */
async function expectSaved(registry: DurableObjectStub<ChannelRegistry>): Promise<void> {
  const { known, saved } = await runInDurableObject(registry, async (instance, { storage }) => {
    const { counted } = await instance.metrics();
    const { channels } = await instance.overview(Number.POSITIVE_INFINITY);
    const saved: Record<string, number> = {};
    for (const [name, { count }] of new StoredCounts(storage.kv).load()) {
      saved[channelOfObject(name)] = (saved[channelOfObject(name)] ?? 0) + count;
    }
    return { known: { channels, counted }, saved: { channels: saved, counted: storage.kv.get("counted") ?? {} } };
  });
  expect(saved).toEqual(known);
}

/** Does what a deploy does: the version changes, every object restarts, and every socket closes without a close event. */
export async function deploy(): Promise<void> {
  for (const registry of registryStubs(env)) {
    await runInDurableObject(registry, (_, { storage }) =>
      storage.kv.put("version", { id: "the previous version", since: 0 }),
    );
    // The test runtime only drops the sockets of running objects.
    const names = await runInDurableObject(registry, (_, { storage }) => [
      ...new StoredCounts(storage.kv).load().keys(),
    ]);
    for (const name of names) await socketObjectStub(env, name)?.countListeners();
  }
  await evictAllDurableObjects({ webSockets: "close" });
}

export const orderObject = (id: string) => env.ORDER_CHANNEL.getByName(`order_${id}`);
export const productsObject = () => env.PRODUCTS_CHANNEL.getByName("products");
