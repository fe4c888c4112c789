import { type CounterSnapshot, Counters, counterSnapshot } from "../telemetry/counters.ts";

/** Stored key. */
const COUNTED = "counted";

/** Everything ever counted in this registry's share of the service, saved as one row. */
export class CounterTotals {
  readonly #kv: SyncKvStorage;
  readonly #totals = new Counters();
  #isSaved = true;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
    this.#totals.add(counterSnapshot.safeParse(kv.get(COUNTED)).data ?? {});
  }

  get all(): CounterSnapshot {
    return this.#totals.all;
  }

  add(counted: CounterSnapshot): void {
    this.#totals.add(counted);
    this.#isSaved = false;
  }

  save(): void {
    if (!this.#isSaved) this.#kv.put(COUNTED, this.#totals.all);
    this.#isSaved = true;
  }
}
