import { DurableObject } from "cloudflare:workers";
import { configOf } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import { withinTimeLimit } from "../../runtime/time-limit.ts";
import type { RelayMetrics, RelayRpc, RelayStatus } from "./contract.ts";
import { Pipeline } from "./pipeline.ts";

/** Status and metrics ask Redis again when the last answer is older than this. */
const STALE_STATUS_MS = 5000;
/** How long status and metrics wait for that answer before they report the last one; without any, Redis is `unavailable`. */
const MAX_STATUS_WAIT_MS = 2000;

/**
 * Reads the Redis stream and delivers its events to their channels. There is one relay. Its alarm polls the stream
 * while there are listeners, and the doorbell wakes it at once; without listeners it sleeps, except that the watchdog
 * wakes it once a minute.
 */
export class StreamRelay extends DurableObject<Env> implements RelayRpc {
  /** Null without Redis. */
  readonly #pipeline: Pipeline | null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { redis } = configOf(env);
    this.#pipeline = redis && new Pipeline(ctx, env, redis);
  }

  async wake(): Promise<void> {
    await this.#pipeline?.work();
  }

  async status(): Promise<RelayStatus> {
    if (!this.#pipeline) return { redis: "disabled", gaps: 0, deadLetters: 0, problems: [], failingChannels: 0 };
    if (Date.now() - this.#pipeline.checkedAt > STALE_STATUS_MS) {
      const work = this.#pipeline.work();
      this.ctx.waitUntil(work);
      await withinTimeLimit(work, MAX_STATUS_WAIT_MS, () => {});
    }
    return this.#pipeline.status;
  }

  async metrics(): Promise<RelayMetrics> {
    const status = await this.status();
    const unread = status.redis === "healthy" ? await this.#pipeline?.reader.unread().catch(() => null) : null;
    if (!this.#pipeline || !unread) return { ...status, lagEntries: null, lagSeconds: null };
    const { events, since } = this.#pipeline.store.backlog;
    const oldest = Math.min(since ?? Number.POSITIVE_INFINITY, unread.since ?? Number.POSITIVE_INFINITY);
    const lagSeconds = oldest === Number.POSITIVE_INFINITY ? 0 : Math.max(Date.now() - oldest, 0) / 1000;
    return { ...status, lagEntries: events + unread.entries, lagSeconds };
  }

  override async alarm(): Promise<void> {
    await this.#pipeline?.alarm();
  }
}
