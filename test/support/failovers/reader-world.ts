import fc from "fast-check";
import { expect, vi } from "vitest";
import type { Bridge } from "../../../src/dev/bridge/bridge.ts";
import { type Command, RedisClient } from "../../../src/ingress/redis/client.ts";
import { RelayStore } from "../../../src/ingress/redis/relay-store.ts";
import { StreamReader } from "../../../src/ingress/redis/stream-reader.ts";
import { catalogueWith } from "../../../src/protocol/catalogue.ts";
import { MemoryStorage } from "../object-storage.ts";
import { STREAM } from "../redis-service.ts";
import type { FallibleStream } from "./fallible-stream.ts";

/** The relay's reader alone, on a Redis that loses entries, also between two commands of one read. */

const named = <T extends string>(name: T) => fc.record({ do: fc.constant(name) });

/** What happens at Redis. */
const redisStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("add" as const), skipped: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("trim" as const), left: fc.nat(2) }) },
  { weight: 3, arbitrary: named("save") },
  { weight: 3, arbitrary: named("set back") },
  { weight: 1, arbitrary: named("flush") },
);
type RedisStep = typeof redisStep extends fc.Arbitrary<infer T> ? T : never;

/** What the relay does; `interruption` happens before one of the commands it sends meanwhile. */
const relayStep = fc.record({
  do: fc.constantFrom("read" as const, "trim as relay" as const, "restart" as const),
  interruption: fc.option(
    fc.record({ command: fc.nat(3), steps: fc.array(redisStep, { minLength: 1, maxLength: 4 }) }),
  ),
});

export const readerStep = fc.oneof(
  { weight: 6, arbitrary: redisStep },
  { weight: 3, arbitrary: relayStep },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const), isTrimmed: fc.boolean() }) },
);
export type ReaderStep = typeof readerStep extends fc.Arbitrary<infer T> ? T : never;

/** Runs something before one of the next commands. */
class InterruptedClient extends RedisClient {
  interrupt: (() => Promise<void>) | null = null;
  override async command(...words: Command): Promise<unknown> {
    await this.interrupt?.();
    return super.command(...words);
  }
}

/** More than the time between two trims, in milliseconds. */
const TRIM_IS_DUE_MS = 61_000;

export class ReaderWorld {
  readonly #stream: FallibleStream;
  readonly #storage = new MemoryStorage();
  readonly #client: InterruptedClient;
  readonly #isForgetful: boolean;
  #store: RelayStore;
  #reader: StreamReader;
  #added = 0;
  readonly #received = new Set<number>();
  /** Entries that must be received unless a gap is noticed, with the gaps noticed before they were added. */
  readonly #owed = new Map<number, number>();
  /** Of the entries in the stream, those that were read. */
  #readIds: string[] = [];
  /** Whether the stream may have lost something since the last settlement. */
  #hasLost = false;
  /** Whether the relay may have read nothing of the stream that Redis has now. */
  #isUnread = false;
  #gaps = 0;
  /** The last entry that the saved stream may have. */
  #lastSaved = 0;
  /** How many trims by the relay there were, and how many of them the stream and the saved one have seen. */
  #trims = { done: 0, seen: 0, saved: 0 };

  /** @param isForgetful A seeded bug: the relay does not know the content of the last entry it read. */
  constructor(stream: FallibleStream, bridge: Bridge, isForgetful: boolean) {
    this.#stream = stream;
    this.#client = new InterruptedClient({ url: bridge.url, token: bridge.token, stream: STREAM });
    this.#isForgetful = isForgetful;
    [this.#store, this.#reader] = this.#start();
  }

  async run(step: ReaderStep): Promise<void> {
    switch (step.do) {
      case "settle":
        return this.settle(step.isTrimmed);
      case "read":
      case "trim as relay":
      case "restart":
        return this.#interrupted(step.interruption, async () => {
          if (step.do === "restart") [this.#store, this.#reader] = this.#start();
          if (step.do === "trim as relay") await this.#trim();
          await this.#read();
        });
      default:
        return this.#change(step);
    }
  }

  /** Reads everything, then checks what was received and whether losses were noticed. */
  async settle(isTrimmed = true): Promise<void> {
    await this.#change({ do: "add", skipped: 0 });
    const last = this.#added;
    while (await this.#read());
    if (isTrimmed) await this.#trim();
    while (await this.#read());
    const { gaps } = this.#store.state;
    const lost = [...this.#owed].filter(([n, gapsBefore]) => gapsBefore === gaps && !this.#received.has(n));
    expect(lost, "entries lost without a gap").toEqual([]);
    expect(this.#received, "the newest entry").toContain(last);
    if (!this.#hasLost) expect(gaps, "gaps without a loss").toBe(this.#gaps);
    this.#gaps = gaps;
    this.#owed.clear();
    this.#hasLost = false;
    this.#isUnread = false;
    this.#readIds = await this.#stream.ids();
  }

  get gaps(): number {
    return this.#store.state.gaps;
  }

  #start(): [RelayStore, StreamReader] {
    const store = new RelayStore(this.#storage.asStorage);
    return [store, new StreamReader(this.#client, store, STREAM, catalogueWith([]))];
  }

  async #interrupted(
    interruption: { command: number; steps: RedisStep[] } | null,
    work: () => Promise<void>,
  ): Promise<void> {
    let commandsBefore = interruption?.command ?? 0;
    this.#client.interrupt = async () => {
      if (!interruption || commandsBefore-- > 0) return;
      this.#client.interrupt = null;
      for (const step of interruption.steps) await this.#change(step);
    };
    await work();
    this.#client.interrupt = null;
  }

  async #read(): Promise<boolean> {
    const { hasMore } = await this.#reader.read();
    if (this.#isForgetful) this.#store.update({ cursorKey: null });
    for (let row = this.#store.oldestRow("products"); row; row = this.#store.oldestRow("products")) {
      for (const { productId } of row.events) {
        expect(this.#received, "entries read before").not.toContain(Number(productId));
        this.#received.add(Number(productId));
      }
      this.#store.removeRow("products", row.row, []);
    }
    return hasMore;
  }

  async #trim(): Promise<void> {
    const { trimmedAt } = this.#store.state;
    vi.setSystemTime(Date.now() + TRIM_IS_DUE_MS);
    await this.#reader.trim();
    if (this.#store.state.trimmedAt !== trimmedAt) this.#trims.seen = ++this.#trims.done;
  }

  async #change(step: RedisStep): Promise<void> {
    switch (step.do) {
      case "add": {
        const n = ++this.#added;
        this.#owed.set(n, this.#store.state.gaps);
        const data = JSON.stringify({ product_id: String(n) });
        return this.#stream.add({ channel: "products", type: "product_deleted", data }, step.skipped);
      }
      case "delete": {
        const [id] = this.#readIds.splice(step.which % Math.max(this.#readIds.length, 1), 1);
        return id === undefined ? undefined : this.#stream.delete(id);
      }
      case "trim":
        // Of a stream of which nothing was read, only the number of entries is known, which may be the former stream's.
        if (this.#isUnread) this.#owed.clear();
        this.#lose();
        return this.#stream.trim(step.left);
      case "save":
        this.#lastSaved = this.#added;
        this.#trims.saved = this.#trims.seen;
        return this.#stream.save();
      case "set back":
        // The relay remembers for as long as a replica may lag behind: up to the trim before last.
        if (this.#trims.done - this.#trims.saved > 1) return;
        this.#trims.seen = this.#trims.saved;
        this.#replace(this.#lastSaved);
        return this.#stream.setBack();
      case "flush":
        this.#replace(Number.POSITIVE_INFINITY);
        return this.#stream.flush();
    }
  }

  /**
   * Of what is lost with a stream before it was read, some leaves no trace: what was added after the replica was saved, and
   * everything in a stream of which nothing was read yet.
   * @param lastNoticed The last entry whose loss shows, if something of the stream was read.
   */
  #replace(lastNoticed: number): void {
    for (const n of this.#owed.keys()) if (n > lastNoticed || this.#isUnread) this.#owed.delete(n);
    this.#isUnread = true;
    this.#lose();
  }

  #lose(): void {
    this.#hasLost = true;
    this.#readIds = [];
  }
}
