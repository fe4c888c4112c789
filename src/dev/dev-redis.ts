import { randomBytes } from "node:crypto";
import { DEV_VARS_FILE, readDevVars } from "../cli/dev-vars.ts";
import { whyRedisIsAway } from "../cli/redis/redis-reach.ts";
import { DEFAULT_REDIS_URL, redisUrlOf, shownRedisUrl } from "../cli/redis/redis-url.ts";
import type { Terminal } from "../cli/terminal.ts";
import { startBridge } from "./bridge/bridge.ts";

const TOKEN_BYTES = 32;

/** How the local service comes to a Redis, or why it does not. */
export interface RedisIngress {
  isOn: boolean;
  /** For the welcome: where it is, or what is missing. */
  description: string;
  /** `redis-cli` for the same Redis, ready to paste; null when that is not known. */
  redisCli: string | null;
  /** The command line for the same Redis, ready to paste. */
  tidings: string;
  /** What `wrangler dev` is told. */
  wranglerArguments: string[];
  close(): Promise<void>;
}

/**
 * Puts a bridge in front of the local Redis, so that the service finds there what it finds at Upstash. What
 * `.dev.vars` says about Upstash wins: then there is no bridge.
 */
export async function openRedisIngress({ env, cwd }: Pick<Terminal, "env" | "cwd">): Promise<RedisIngress> {
  const { UPSTASH_REDIS_REST_URL: own } = readDevVars(cwd);
  const nothing = { redisCli: null, tidings: "npx tidings", wranglerArguments: [], close: async () => {} };
  if (own) return { ...nothing, isOn: true, description: `on: UPSTASH_REDIS_REST_URL of ${DEV_VARS_FILE}` };

  const redisUrl = redisUrlOf({ env });
  const shownUrl = shownRedisUrl(redisUrl);
  const reason = await whyRedisIsAway(redisUrl);
  if (reason !== null) {
    const description = `off: no Redis at ${shownUrl} (${reason}). Start one, or set REDIS_URL, and start this again`;
    return { ...nothing, isOn: false, description };
  }
  const bridge = await startBridge({ redisUrl, token: randomBytes(TOKEN_BYTES).toString("base64url") });
  return {
    isOn: true,
    description: `on: ${shownUrl}, through a bridge at ${bridge.url}`,
    ...commandsFor(redisUrl),
    // Other users of this machine can see arguments, and with them could use this Redis while the service runs. That
    // is bearable: a Redis without a password they can use anyway, and the token ends with the launcher.
    wranglerArguments: [
      ...["--var", `UPSTASH_REDIS_REST_URL:${bridge.url}`],
      ...["--var", `UPSTASH_REDIS_REST_TOKEN:${bridge.token}`],
    ],
    close: bridge.close,
  };
}

/** The other terminal that they are pasted into knows of no `REDIS_URL`; a password, though, is not for the screen. */
function commandsFor(redisUrl: string): Pick<RedisIngress, "redisCli" | "tidings"> {
  if (redisUrl === DEFAULT_REDIS_URL) return { redisCli: "redis-cli", tidings: "npx tidings" };
  const { username, password } = new URL(redisUrl);
  if (username || password) return { redisCli: 'redis-cli -u "$REDIS_URL"', tidings: "npx tidings" };
  return { redisCli: `redis-cli -u ${redisUrl}`, tidings: `REDIS_URL=${redisUrl} npx tidings` };
}
