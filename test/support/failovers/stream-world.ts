import fc from "fast-check";
import { expect, vi } from "vitest";
import type { PublishResult } from "../../../src/protocol/publish.ts";
import type { FaultProxy } from "../fault-proxy.ts";
import { callService, registerOrderAt } from "../node-client.ts";
import type { Frame } from "../test-socket.ts";
import type { Workerd } from "../workerd.ts";
import type { FallibleStream } from "./fallible-stream.ts";
import { PositionedListener } from "./positioned-listener.ts";

/**
 * One order whose events arrive over HTTP and through a Redis stream that loses entries. Each listener must receive every
 * event once, or learn of a gap.
 */

/** Few versions, so that late events are common. */
const version = fc.option(fc.nat(5), { freq: 3 });
const step = <T extends string>(name: T, weight: number) => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(name) }),
});

export const streamStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("post" as const), version }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("add" as const), version, hasId: fc.boolean(), skipped: fc.nat(2) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("repeat" as const), which: fc.nat(), isPosted: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("trim" as const), left: fc.nat(2) }) },
  step("settle", 4),
  step("save", 3),
  step("set back", 3),
  step("flush", 1),
  step("create again", 1),
  step("stop reading", 2),
  step("reconnect", 3),
  step("come or go", 3),
  step("erase", 1),
  step("restart", 1),
);
export type StreamStep = typeof streamStep extends fc.Arbitrary<infer T> ? T : never;

interface SentEvent {
  /** Its content, unique in this process. */
  n: number;
  id: string | null;
  version: number | null;
  /** How many gaps each listener had learned of when the event was sent. */
  gapsBefore: number[];
  /** Whether the service itself has acknowledged it, and not only Redis. */
  isPosted: boolean;
  /** Whether the listeners must have it, unless there was a gap. */
  isOwed: boolean;
}

/** How often each interesting case occurred. */
export type Occurrences = ReturnType<typeof newOccurrences>;
export const newOccurrences = () => ({ gap: 0, duplicate: 0, stale: 0 });

let lastNumber = 0;

export class StreamWorld {
  readonly #service: Workerd;
  readonly #proxy: FaultProxy;
  readonly #stream: FallibleStream;
  #order = "";
  /** The first is always connected. */
  #listeners: { socket: PositionedListener; received: Set<number>; lastVersion: number }[] = [];
  /** The content of each `seq`, by epoch: the same for all listeners. */
  readonly #content = new Map<string, number>();
  /** Everything since the order was registered. */
  #sent: SentEvent[] = [];
  /** The last event that the saved stream may have. */
  #lastSaved = 0;
  /** Events with an entry that the relay may not have read. */
  readonly #waiting = new Set<SentEvent>();
  /** Those whose entry may be gone, until a failover brings it back. */
  readonly #lost = new Set<SentEvent>();
  /** Entries that the relay has read. */
  #read: string[] = [];
  /** Whether the stream may have lost something since the last settlement. */
  #hasLost = false;
  /** Whether the service may have read nothing of the stream that Redis has now. */
  #isUnread = false;
  readonly #occurred: Occurrences;

  /**
   * @param proxy Between the service and Redis.
   * @param occurred Counts what happened.
   */
  constructor(service: Workerd, proxy: FaultProxy, stream: FallibleStream, occurred: Occurrences) {
    this.#occurred = occurred;
    this.#service = service;
    this.#proxy = proxy;
    this.#stream = stream;
  }

  async open(): Promise<void> {
    await this.#stream.begin();
    this.#order = await registerOrderAt(this.#service.url);
    this.#listeners = [0, 1].map((i) => ({
      socket: new PositionedListener(this.#service.url, `orders/${this.#order}`, (frame, epoch) =>
        this.#take(i, frame, epoch),
      ),
      received: new Set(),
      lastVersion: -1,
    }));
    for (const { socket } of this.#listeners) await socket.connect();
    // Entries lost before the first read were never promised.
    await this.settle();
  }

  async run(next: StreamStep): Promise<void> {
    const [first, second] = this.#listeners.map(({ socket }) => socket);
    switch (next.do) {
      case "post":
        await this.#post(this.#newEvent(next.version, true));
        return;
      case "add":
        return this.#add(this.#newEvent(next.version, next.hasId), next.skipped);
      case "repeat":
        return this.#repeat(next.which, next.isPosted);
      case "delete": {
        // Only entries that were read, so nothing is lost.
        const [id] = this.#read.splice(next.which % Math.max(this.#read.length, 1), 1);
        return id === undefined ? undefined : this.#stream.delete(id);
      }
      case "trim":
        // Of a stream of which nothing was read, only the number of entries is known, which may be the former stream's.
        if (this.#isUnread) for (const event of this.#waiting) event.isOwed &&= event.isPosted;
        this.#lose();
        return this.#stream.trim(next.left);
      case "settle":
        return this.settle();
      case "save":
        this.#lastSaved = lastNumber;
        return this.#stream.save();
      case "set back":
        return this.#replaceStream(this.#lastSaved, () => this.#stream.setBack());
      case "flush":
        return this.#replaceStream(Number.POSITIVE_INFINITY, () => this.#stream.flush());
      case "create again":
        await this.#replaceStream(Number.POSITIVE_INFINITY, () => this.#stream.drop());
        return this.#add(this.#newEvent(null, false), 0);
      case "stop reading":
        this.#proxy.fault = "500";
        return;
      case "reconnect":
        first?.drop();
        return first?.connect();
      case "come or go":
        return second?.isConnected ? second.drop() : second?.connect();
      case "erase":
        return this.#erase();
      case "restart":
        for (const { socket } of this.#listeners) socket.drop();
        await this.#service.restart();
        return first?.connect();
    }
  }

  /** Lets the relay read everything, then checks what each listener has received, and which gaps it has learned of. */
  async settle(): Promise<void> {
    this.#proxy.fault = "none";
    for (const { socket } of this.#listeners) if (!socket.isConnected) await socket.connect();
    const last = this.#newEvent(null, false);
    await this.#add(last, 0);
    await vi.waitFor(
      async () => {
        await this.#stream.ring();
        // A service that has restarted does not hear the doorbell yet.
        await callService(this.#service.url, "GET", "ws/health");
        for (const { received } of this.#listeners) expect(received).toContain(last.n);
      },
      { timeout: 15_000, interval: 10 },
    );
    for (const event of this.#sent) {
      if (!event.isOwed) continue;
      event.isOwed = false;
      const isLate = this.#sent.some((other) => other !== event && isNotOlder(other, event));
      for (const [i, { socket, received }] of this.#listeners.entries()) {
        const hasGap = event.gapsBefore[i] !== socket.gaps;
        if (!isLate && !hasGap) expect(received).toContain(event.n);
        // A gap may only be reported where events may have been lost.
        if (!this.#hasLost) expect(hasGap).toBe(false);
      }
    }
    for (const { socket } of this.#listeners) expect(socket.violations).toEqual([]);
    this.#hasLost = false;
    this.#isUnread = false;
    this.#waiting.clear();
    this.#read = await this.#stream.ids();
  }

  close(): void {
    for (const { socket } of this.#listeners) {
      this.#occurred.gap += socket.gaps;
      socket.drop();
    }
  }

  #newEvent(version: number | null, hasId: boolean): SentEvent {
    const n = ++lastNumber;
    const gapsBefore = this.#listeners.map(({ socket }) => socket.gaps);
    const event = { n, id: hasId ? `event-${n}` : null, version, gapsBefore, isPosted: false, isOwed: true };
    this.#sent.push(event);
    return event;
  }

  async #post(event: SentEvent): Promise<PublishResult> {
    event.isPosted = true;
    const { n, id, version } = event;
    const body = { type: "order_shipped", data: { n, version }, id, ...(version !== null && { version }) };
    const response = await callService(this.#service.url, "POST", `publish/orders/${this.#order}`, body);
    expect(response.status).toBe(200);
    const result = (await response.json()) as PublishResult;
    if (result.status !== "applied") this.#occurred[result.status]++;
    return result;
  }

  async #add(event: SentEvent, skipped: number): Promise<void> {
    this.#waiting.add(event);
    const { n, id, version } = event;
    const fields = {
      channel: `order_${this.#order}`,
      type: "order_shipped",
      data: JSON.stringify({ n, version }),
      ...(id !== null && { id }),
      ...(version !== null && { version: String(version) }),
    };
    await this.#stream.add(fields, skipped);
  }

  /** Publishes an event again, over HTTP or the stream. */
  async #repeat(which: number, isPosted: boolean): Promise<void> {
    const repeatable = this.#sent.filter(({ id }) => id !== null);
    const event = repeatable[which % repeatable.length];
    if (!event) return;
    if (!isPosted) return this.#add(event, 0);
    const isKnown = this.#listeners.some(({ received }) => received.has(event.n));
    const { status } = await this.#post(event);
    if (isKnown) expect(status).toBe("duplicate");
  }

  /**
   * Replaces the stream by another one. Some of what Redis loses before the service has read it leaves no trace: what was
   * added after the replica was saved, and everything in a stream of which the service has read nothing yet.
   * @param lastNoticed The last event whose loss shows, if the service has read something.
   */
  async #replaceStream(lastNoticed: number, replace: () => Promise<void>): Promise<void> {
    for (const event of this.#sent) event.isOwed &&= event.isPosted || (event.n <= lastNoticed && !this.#isUnread);
    this.#isUnread = true;
    this.#lose();
    await replace();
  }

  #lose(): void {
    this.#hasLost = true;
    this.#read = [];
    for (const event of this.#waiting) this.#lost.add(event);
  }

  /**
   * The order is deleted, a late event changes nothing, and the order is registered again, without a history: an entry that
   * the relay has never read, and a failover brings back, is a new event to it.
   */
  async #erase(): Promise<void> {
    await this.settle();
    await callService(this.#service.url, "DELETE", `orders/${this.#order}`);
    expect(await this.#post(this.#newEvent(null, true))).toMatchObject({ status: "stale", seq: null });
    const order = { user_id: "alice", status: "pending", payment_status: "pending" };
    await callService(this.#service.url, "PUT", `orders/${this.#order}`, order);
    this.#sent = [];
    this.#hasLost = true;
    for (const listener of this.#listeners) {
      for (const { n } of this.#lost) listener.received.delete(n);
      listener.lastVersion = -1;
      listener.socket.drop();
      await listener.socket.connect();
    }
  }

  #take(index: number, { data, seq }: Frame, epoch: string): void {
    const listener = this.#listeners[index];
    if (!listener || typeof data.n !== "number") return;
    const { received, socket } = listener;
    const { n, version } = data;
    if (received.has(n)) socket.violations.push(`event ${n} arrived twice`);
    received.add(n);
    const position = `${epoch}/${seq}`;
    const known = this.#content.get(position) ?? n;
    if (known !== n) socket.violations.push(`${position} is ${n} here and ${known} there`);
    this.#content.set(position, n);
    if (typeof version !== "number") return;
    if (version <= listener.lastVersion) socket.violations.push(`version ${version} after ${listener.lastVersion}`);
    listener.lastVersion = version;
  }
}

/** Whether an event may make another one late. */
const isNotOlder = (a: SentEvent, b: SentEvent) => a.version !== null && b.version !== null && a.version >= b.version;
