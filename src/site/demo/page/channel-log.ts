import type { Gap, OrderEvent, Position, PositionStorage, ProductEvent, Status } from "../../../sdk/index.ts";
import { type Counts, Ledger } from "./ledger.ts";
import { Store } from "./store.ts";

/** So many of the newest events and changes of status are shown. */
const MAX_EVENTS = 100;
const MAX_CHANGES = 12;

export interface LogView {
  position: Position | null;
  counts: Counts;
  /** Newest first. */
  events: readonly (OrderEvent | ProductEvent)[];
  /** Newest first, counted from 1. */
  changes: readonly { status: Status; at: Date; count: number }[];
}

/** What one connection gave to the page, told by the SDK's callbacks. */
export class ChannelLog extends Store<LogView> {
  readonly #ledger: Ledger;

  constructor() {
    const ledger = new Ledger();
    super({ position: null, counts: ledger.counts(), events: [], changes: [] });
    this.#ledger = ledger;
  }

  readonly onEvent = (event: OrderEvent | ProductEvent): void => {
    this.#ledger.receives(event.seq);
    this.#show({ events: [event, ...this.get().events].slice(0, MAX_EVENTS) });
  };

  readonly onGap = (gap: Gap): void => {
    this.#ledger.gap(gap.to);
    this.#show({});
  };

  readonly onStatus = (status: Status): void => {
    const { changes } = this.get();
    const count = (changes[0]?.count ?? 0) + 1;
    this.#show({ changes: [{ status, at: new Date(), count }, ...changes].slice(0, MAX_CHANGES) });
  };

  /** The service answered that this event is there. */
  knows(seq: number): void {
    this.#ledger.knows(seq);
    this.#show({});
  }

  /**
   * The SDK keeps its position here, so the page can show it.
   * @param load What the connection begins with.
   */
  storage(load: () => Position | null): PositionStorage {
    return {
      getItem: () => JSON.stringify(load()),
      setItem: (_, text) => {
        // The SDK wrote it.
        const position: Position = JSON.parse(text);
        this.#ledger.at(position);
        this.#show({ position });
      },
    };
  }

  #show(changes: Partial<LogView>): void {
    this.set({ ...this.get(), ...changes, counts: this.#ledger.counts() });
  }
}
