import { env } from "cloudflare:workers";
import type { Env } from "../../../src/config/env.ts";
import { ReadMemory } from "../../../src/ingress/redis/read-memory.ts";
import { Registries } from "../../../src/ingress/redis/registries.ts";

/** The service with one of the bugs that a test must find, named by `SEEDED_BUG`. */

export * from "../../../src/index.ts";
export { default } from "../../../src/index.ts";

const BUGS: Record<string, () => void> = {
  /** After a failover, what was delivered is applied again. */
  "a relay that forgets what it has read": () => {
    ReadMemory.prototype.has = () => false;
  },
  /** Listeners do not learn that something is missing. */
  "a relay that keeps gaps to itself": () => {
    Registries.prototype.notifyGap = async () => {};
  },
};
BUGS[(env as Env & { SEEDED_BUG: string }).SEEDED_BUG]?.();
