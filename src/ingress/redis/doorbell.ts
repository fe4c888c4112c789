import { DOORBELL } from "../../protocol/stream.ts";
import { logFault } from "../../telemetry/log.ts";
import type { RedisClient } from "./client.ts";

/** A subscription can end without notice, so it is replaced after this time. */
const RENEW_AFTER_MS = 60_000;

/** Subscribes to the doorbell, which publishers ring after adding entries to the stream. */
export class Doorbell {
  readonly #client: RedisClient;
  readonly #onRing: () => void;
  #subscription: { end: () => void; since: number } | null = null;

  constructor(client: RedisClient, onRing: () => void) {
    this.#client = client;
    this.#onRing = onRing;
  }

  /** Subscribes, or renews a subscription that is old. */
  async subscribe(): Promise<void> {
    const now = Date.now();
    if (this.#subscription && now - this.#subscription.since < RENEW_AFTER_MS) return;
    try {
      const end = await this.#client.subscribe(DOORBELL, this.#onRing);
      this.unsubscribe();
      this.#subscription = { end, since: now };
    } catch (error) {
      // Polling continues without it.
      logFault("doorbell", error);
    }
  }

  unsubscribe(): void {
    this.#subscription?.end();
    this.#subscription = null;
  }
}
