import { setTimeout as wait } from "node:timers/promises";
import { callService } from "../../support/node-client.ts";

/** How long a publisher waits after each event, and after each try that failed. */
const PAUSE_MS = 10;

/** A publisher of an order's events that goes on until it is stopped, whatever happens to the service. */
export class Publishing {
  /** The `seq` of the last event. */
  last = 0;
  readonly #url: string;
  readonly #order: string;
  #isStopped = false;
  readonly #ended: Promise<void>;

  constructor(url: string, order: string) {
    this.#url = url;
    this.#order = order;
    this.#ended = this.#publish();
  }

  /** @returns The `seq` of the last event. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#ended;
    return this.last;
  }

  async #publish(): Promise<void> {
    for (let n = 0; !this.#isStopped; n++) {
      // It repeats what was not answered, with the same id.
      while (!(await this.#isPublished(`event-${n}`))) await wait(PAUSE_MS);
      await wait(PAUSE_MS);
    }
  }

  async #isPublished(id: string): Promise<boolean> {
    const body = { type: "order_shipped", data: {}, id };
    const response = await callService(this.#url, "POST", `publish/orders/${this.#order}`, body).catch(() => null);
    if (!response?.ok) return false;
    const answer = (await response.json()) as { seq: number };
    this.last = Math.max(this.last, answer.seq);
    return true;
  }
}
