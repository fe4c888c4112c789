import { setTimeout as wait } from "node:timers/promises";
import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { callService } from "../../support/node-client.ts";

/** Pause after each event and after each failed attempt. */
const PAUSE_MS = 10;

/** Publishes events of an order until stopped, retrying whenever the service is down. */
export class ContinuousPublisher {
  /** The `seq` of the last event. */
  lastSeq = 0;
  readonly #url: string;
  readonly #order: string;
  #isStopped = false;
  readonly #ended: Promise<void>;

  constructor(url: string, order: string) {
    this.#url = url;
    this.#order = order;
    this.#ended = this.#run();
  }

  /** Waits until `count` more events are published. */
  async untilPublished(count: number): Promise<void> {
    const target = this.lastSeq + count;
    await eventually(() => expect(this.lastSeq).toBeGreaterThanOrEqual(target));
  }

  /** @returns The `seq` of the last event. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#ended;
    return this.lastSeq;
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#isStopped; n++) {
      // Retries an unacknowledged event with the same id.
      while (!(await this.#publish(`event-${n}`))) await wait(PAUSE_MS);
      await wait(PAUSE_MS);
    }
  }

  /** @returns Whether the service acknowledged the event. */
  async #publish(id: string): Promise<boolean> {
    const body = { type: "order_shipped", data: {}, id };
    const response = await callService(this.#url, "POST", `publish/orders/${this.#order}`, body).catch(() => null);
    if (!response?.ok) return false;
    const { seq } = (await response.json()) as { seq: number };
    this.lastSeq = Math.max(this.lastSeq, seq);
    return true;
  }
}
