import { logFault } from "../../telemetry/log.ts";
import type { StreamGap } from "./gaps.ts";
import type { Registries } from "./registries.ts";
import type { RelayStore } from "./relay-store.ts";

/** Reports the stream's gaps: to the log, and through the registries to the channels. */
export class GapReports {
  readonly #store: RelayStore;
  readonly #registries: Registries;

  constructor(store: RelayStore, registries: Registries) {
    this.#store = store;
    this.#registries = registries;
  }

  /** Reports a gap that was found. Call it before any event after the gap is delivered. */
  async report(gap: StreamGap | null): Promise<void> {
    if (!gap) return;
    logFault("stream_gap", new Error(gap.kind), gap.kind === "trimmed" ? { lost: gap.lost } : {});
    await this.reportPending();
  }

  /**
   * Notifies the channels that do not know of a gap yet. One that cannot be notified now is retried in the next pass, and
   * does not keep the others from receiving what comes after the gap.
   */
  async reportPending(): Promise<void> {
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
