import { DOORBELL } from "../../protocol/stream.ts";
import { logFault } from "../../telemetry/log.ts";
import type { RedisClient } from "./client.ts";

/** A subscription can end without notice, so it is replaced after this time. */
const RENEW_AFTER_MS = 60_000;
/** Time between failed attempts: each may delay the next poll by its time limit. */
const RETRY_SUBSCRIPTION_AFTER_MS = 30_000;

/** Subscribes to the doorbell, which publishers ring after adding entries to the stream. */
export class Doorbell {
  readonly #client: RedisClient;
  readonly #onRing: () => void;
  #subscription: { end: () => void; since: number } | null = null;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(client: RedisClient, onRing: () => void) {
    this.#client = client;
    this.#onRing = onRing;
  }

  /** Subscribes, or renews a subscription that is old, unless that failed a short time ago. */
  async subscribe(): Promise<void> {
    const now = Date.now();
    if (this.#subscription && now - this.#subscription.since < RENEW_AFTER_MS) return;
    if (now - this.#failedAt < RETRY_SUBSCRIPTION_AFTER_MS) return;
    try {
      const end = await this.#client.subscribe(DOORBELL, this.#onRing);
      this.unsubscribe();
      this.#subscription = { end, since: now };
    } catch (error) {
      this.#failedAt = Date.now();
      // Polling continues without it.
      logFault("doorbell", error);
    }
  }

  unsubscribe(): void {
    this.#subscription?.end();
    this.#subscription = null;
  }
}
