import { randomBytes } from "node:crypto";
import { openConnection, REDIS_TIMEOUT_MS } from "../cli/redis/connection.ts";
import { DEFAULT_REDIS_URL, redisUrlOf, shownRedisUrl } from "../cli/redis/url.ts";
import { connectionFailure } from "../cli/shared/connection-failure.ts";
import { DEV_VARS_FILE, readDevVars } from "../cli/shared/dev-vars.ts";
import type { Sources } from "../cli/shared/settings.ts";
import { startBridge } from "./bridge/bridge.ts";

const TOKEN_BYTES = 32;

/** The local service's Redis, or the reason why it has none. */
export interface RedisIngress {
  isOn: boolean;
  /** For the welcome: the address, or what is missing. */
  description: string;
  /** `redis-cli` with the address of this Redis, ready to paste; null when unknown. */
  redisCli: string | null;
  /** The command line with the address of this Redis, ready to paste. */
  tidings: string;
  /** Variables for the service, the bridge's token among them. */
  variables: Record<string, string>;
  close(): Promise<void>;
}

/**
 * Starts a bridge in front of the local Redis, so that the service can use it like Upstash. If `.dev.vars` names an
 * Upstash database, the service uses that one and there is no bridge.
 */
export async function openRedisIngress({ env, cwd }: Sources): Promise<RedisIngress> {
  const { UPSTASH_REDIS_REST_URL: upstashUrl } = readDevVars(cwd);
  const withoutBridge = { redisCli: null, tidings: "npx tidings", variables: {}, close: async () => {} };
  if (upstashUrl) {
    return { ...withoutBridge, isOn: true, description: `on: UPSTASH_REDIS_REST_URL of ${DEV_VARS_FILE}` };
  }

  const redisUrl = redisUrlOf({ env });
  const shownUrl = shownRedisUrl(redisUrl);
  const reason = await whyUnavailable(redisUrl);
  if (reason !== null) {
    const description = `off: no Redis at ${shownUrl} (${reason}). Start one, or set REDIS_URL, and restart`;
    return { ...withoutBridge, isOn: false, description };
  }
  const bridge = await startBridge({ redisUrl, token: randomBytes(TOKEN_BYTES).toString("base64url") });
  return {
    isOn: true,
    description: `on: ${shownUrl}, through a bridge at ${bridge.url}`,
    ...commandsFor(redisUrl),
    variables: { UPSTASH_REDIS_REST_URL: bridge.url, UPSTASH_REDIS_REST_TOKEN: bridge.token },
    close: bridge.close,
  };
}

/** Returns why Redis cannot be used; null when it answers. */
async function whyUnavailable(redisUrl: string): Promise<string | null> {
  const connection = openConnection(redisUrl);
  try {
    const [reply] = await connection.run([["PING"]]);
    return reply instanceof Error ? reply.message : null;
  } catch (error) {
    return connectionFailure(error, REDIS_TIMEOUT_MS);
  } finally {
    connection.close();
  }
}

/** Commands for another terminal, which may have no `REDIS_URL`. A password is never printed. */
function commandsFor(redisUrl: string): Pick<RedisIngress, "redisCli" | "tidings"> {
  if (redisUrl === DEFAULT_REDIS_URL) return { redisCli: "redis-cli", tidings: "npx tidings" };
  const { username, password } = new URL(redisUrl);
  if (username || password) return { redisCli: 'redis-cli -u "$REDIS_URL"', tidings: "npx tidings" };
  return { redisCli: `redis-cli -u ${redisUrl}`, tidings: `REDIS_URL=${redisUrl} npx tidings` };
}
