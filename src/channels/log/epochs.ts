import type { Storage } from "../storage.ts";
import { type Extent, emptyDamagedLog, randomEpoch, readExtent, writeEpoch } from "./extent.ts";
import type { ProductChains } from "./product-chains.ts";

/** Knows which epoch a log is in, and where in the log its replay begins. */
export class Epochs {
  readonly #storage: Storage;
  readonly #generation: number;
  readonly #chains: ProductChains | null;
  #extent: Extent | undefined;

  constructor(storage: Storage, generation: number, chains: ProductChains | null) {
    this.#storage = storage;
    this.#generation = generation;
    this.#chains = chains;
  }

  /** Returns where the log begins and ends, from memory after the first call. Appending updates it in place. */
  extent(): Extent {
    if (!this.#extent) {
      const extent = readExtent(this.#storage);
      if (extent === "damaged") throw new Error("the log was damaged after it was repaired");
      this.#extent = extent;
    }
    return this.#extent;
  }

  /** Returns the current epoch's public name. */
  name(): string {
    const { epoch } = this.extent();
    return this.#generation === 0 ? epoch : `${epoch}-${this.#generation}`;
  }

  /**
   * Makes the stored log readable: empties a damaged one and replaces an unreadable epoch, so that resuming clients see a
   * new epoch. Called once after each wake, before anything else.
   */
  repair(now: number): void {
    if (!this.#storage.hasData()) return;
    const extent = readExtent(this.#storage);
    if (extent === "damaged") emptyDamagedLog(this.#storage, now);
    else this.#extent = extent;
    this.store(now);
    this.#repairChains();
  }

  /** Stores the epoch if it is not stored yet. From then on, the channel exists. */
  store(now: number): void {
    const extent = this.extent();
    if (extent.isStored) return;
    extent.epochStartedAt = now;
    if (this.#chains) extent.chainedAfter = extent.head;
    writeEpoch(this.#storage, extent);
    extent.isStored = true;
  }

  /**
   * Starts a new epoch, because the current one may have a gap. `seq` continues. The old rows stay, so that an id is
   * applied once across epochs, but are never replayed.
   */
  start(now: number): void {
    const extent = this.extent();
    extent.epoch = randomEpoch();
    extent.epochStartedAt = now;
    extent.isStored = true;
    this.endReplay();
  }

  /**
   * Ends the replay of all events so far, with or without a product filter, because the next listeners may not be allowed
   * to see them. The epoch stays the same.
   */
  endReplay(): void {
    const extent = this.extent();
    extent.base = extent.head;
    if (this.#chains) extent.chainedAfter = extent.head;
    writeEpoch(this.#storage, extent);
  }

  /** Discards what is cached in memory. */
  invalidate(): void {
    this.#extent = undefined;
  }

  /**
   * Restarts the chains after the last event if they do not lead to it, because an earlier version wrote it. Positions
   * before it are resumed without chains. Every event extends a chain, so checking the last event is enough.
   */
  #repairChains(): void {
    if (!this.#chains) return;
    const extent = this.extent();
    const { oldest, head, chainedAfter } = extent;
    const last = this.#storage.read("SELECT product FROM log WHERE seq = ?", head)[0];
    const isWhole = oldest > head || this.#chains.lastSeq(String(last?.product)) === head;
    if (chainedAfter !== undefined && isWhole) return;
    this.#chains.adopt();
    // That version may have emptied the log and begun again with the same positions.
    this.#storage.write("DELETE FROM chunks");
    extent.chainedAfter = head;
    writeEpoch(this.#storage, extent);
  }
}
