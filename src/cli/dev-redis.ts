import { randomBytes } from "node:crypto";
import { startBridge } from "./bridge/bridge.ts";
import { DEV_VARS_FILE, readDevVars } from "./dev-vars.ts";
import { redisUrlOf, shownRedisUrl, whyRedisIsAway } from "./redis-url.ts";
import type { Terminal } from "./terminal.ts";

const TOKEN_BYTES = 32;

/** How the local service comes to a Redis, or why it does not. */
export interface RedisIngress {
  isOn: boolean;
  /** For the welcome: where it is, or what is missing. */
  description: string;
  /** What `redis-cli` needs to reach the same Redis, ready to paste; null when that is not known. */
  cliArguments: string[] | null;
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
  const nothing = { cliArguments: null, wranglerArguments: [], close: async () => {} };
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
    // The address may hold a password, which is not for the screen.
    cliArguments: env.REDIS_URL ? ["-u", '"$REDIS_URL"'] : [],
    // Other users of this machine can see arguments, and with them could use this Redis while the service runs. That
    // is bearable: a Redis without a password they can use anyway, and the token ends with the launcher.
    wranglerArguments: [
      ...["--var", `UPSTASH_REDIS_REST_URL:${bridge.url}`],
      ...["--var", `UPSTASH_REDIS_REST_TOKEN:${bridge.token}`],
    ],
    close: bridge.close,
  };
}
