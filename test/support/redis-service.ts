import { type Bridge, startBridge } from "../../src/dev/bridge/bridge.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { rememberPayload } from "./leak-guard/rules.ts";
import { type RedisOptions, type RedisServer, startRedis } from "./redis.ts";
import { startTidings, type Workerd } from "./workerd.ts";

/** The service in the bare runtime with a Redis of its own, connected by the local Upstash bridge. */

export const STREAM = "tidings:events";
export const DEAD = "tidings:dead";

export interface RedisService {
  redis: RedisServer;
  bridge: Bridge;
  service: Workerd;
  stop(): Promise<void>;
}

export interface RedisServiceOptions {
  redis?: RedisOptions;
  vars?: Record<string, string>;
  entry?: string;
  isQuiet?: boolean;
  /** The directory of the service's storage; see `WorkerdOptions`. */
  storage?: string;
}

export function startRedisService(options: RedisServiceOptions = {}): Promise<RedisService> {
  return startService(options, async (bridgeUrl) => bridgeUrl);
}

/** @param urlFor Returns the URL for the service, given the bridge's. */
async function startService(
  options: RedisServiceOptions,
  urlFor: (bridgeUrl: string) => Promise<string>,
): Promise<RedisService> {
  const redis = await startRedis(options.redis);
  const bridge = await startBridge({ redisUrl: redis.url, token: "test-redis-token" });
  const url = await urlFor(bridge.url);
  const vars = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: bridge.token, ...options.vars };
  const service = await startTidings(vars, options.entry, options);
  const stop = async () => {
    await service.stop();
    await bridge.close();
    await redis.stop();
  };
  return { redis, bridge, service, stop };
}

export interface FaultyRedisService extends RedisService {
  proxy: FaultProxy;
}

/** Starts the service with a proxy between it and Redis. @param prepare Called before the service starts. */
export async function startFaultyRedisService(
  options: RedisServiceOptions = {},
  prepare: (proxy: FaultProxy) => void = () => {},
): Promise<FaultyRedisService> {
  const { promise, resolve } = Promise.withResolvers<FaultProxy>();
  const all = await startService(options, (bridgeUrl) => {
    const proxy = new FaultProxy(bridgeUrl);
    prepare(proxy);
    resolve(proxy);
    return proxy.listen();
  });
  const proxy = await promise;
  const stop = async () => {
    await all.stop();
    await proxy.close();
  };
  return { ...all, proxy, stop };
}

/** Adds an entry under an id, `*` for one of Redis, without ringing the doorbell. @returns The entry's id. */
export const addEntry = (redis: RedisServer, id: string, fields: Record<string, string>): Promise<string> =>
  redis.cli("XADD", STREAM, id, ...Object.entries(fields).flat());

/** Adds an entry and rings the doorbell, as any service would. @returns The entry's id. */
export async function xadd(redis: RedisServer, fields: Record<string, string>): Promise<string> {
  rememberPayload(fields);
  const id = await addEntry(redis, "*", fields);
  await redis.cli("PUBLISH", "tidings:doorbell", "1");
  return id;
}

/** Adds many equal entries at once, without ringing the doorbell. */
export async function xaddMany(
  redis: RedisServer,
  count: number,
  channel: string,
  type: string,
  data = "{}",
): Promise<void> {
  const script =
    "for n = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'channel', ARGV[2], 'type', ARGV[3], 'data', ARGV[4]) end";
  await redis.cli("EVAL", script, "1", STREAM, String(count), channel, type, data);
}

export interface DeadLetterEntry {
  id: string;
  reason: string;
  entryId: string;
  /** The original entry's fields. */
  entry: Record<string, string>;
}

/** @returns The entries of the dead-letter stream. */
export async function deadLetters(redis: RedisServer): Promise<DeadLetterEntry[]> {
  const entries: [id: string, words: string[]][] = JSON.parse(await redis.cli("--json", "XRANGE", DEAD, "-", "+"));
  return entries.map(([id, words]) => {
    const field = (name: string) => String(words[words.indexOf(name) + 1]);
    return { id, reason: field("reason"), entryId: field("entry_id"), entry: JSON.parse(field("entry")) };
  });
}
