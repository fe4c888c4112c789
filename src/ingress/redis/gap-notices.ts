import { logFault } from "../../telemetry/log.ts";
import type { StreamGap } from "./gaps.ts";
import type { Registries } from "./registries.ts";
import type { RelayStore } from "./relay-store.ts";

/** Logs the stream's gaps, and notifies the channels of them. */
export class GapNotices {
  readonly #store: RelayStore;
  readonly #registries: Registries;

  constructor(store: RelayStore, registries: Registries) {
    this.#store = store;
    this.#registries = registries;
  }

  /** Logs a gap that was found, and notifies the channels before any event after it is delivered. */
  async report(gap: StreamGap | null): Promise<void> {
    if (!gap) return;
    logFault("stream_gap", new Error(gap.kind), gap.kind === "trimmed" ? { lost: gap.lost } : {});
    await this.notify();
  }

  /**
   * Notifies channels of a gap that is pending. A channel that cannot be notified now is retried in the next pass, and
   * does not keep the others from receiving what comes after the gap.
   */
  async notify(): Promise<void> {
    const { pendingGapAt } = this.#store.state;
    if (pendingGapAt === null) return;
    try {
      await this.#registries.notifyGap(pendingGapAt);
      this.#store.update({ pendingGapAt: null });
    } catch (error) {
      logFault("gap", error);
    }
  }
}
