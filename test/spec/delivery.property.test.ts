import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Epochs } from "../../src/channels/log/epochs.ts";
import { EventLog } from "../../src/channels/log/event-log.ts";
import { Storage } from "../../src/channels/storage.ts";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { REDUCTIONS } from "../support/layouts/layout-1.ts";
import { appendStatements } from "../support/layouts/layout-2.ts";
import { connect, orderObject, productsObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/**
 * Random sequences of publishes, connections, evictions, deploys of this and of other versions, gaps in the stream,
 * changes of owner and deletions: each listener receives exactly the channel's events after its position, in order,
 * once.
 */

const LISTENERS = 3;
const PRODUCTS = 3;

const listener = fc.nat(LISTENERS - 1);
/** Few different ids and versions, so that duplicates and late events are common. */
const event = fc.record({
  product: fc.nat(PRODUCTS - 1),
  id: fc.option(fc.nat(5), { freq: 2 }),
  version: fc.option(fc.nat(5), { freq: 3 }),
});
/** Mostly narrow filters: a client may lose its position over events that its filter drops. */
const filter = fc.option(fc.subarray([0, 1, 2], { minLength: 1, maxLength: 2 }), { freq: 4 });

const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("publish" as const), event }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("batch" as const),
      events: fc.array(event, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("connect" as const), listener, filter, speaksV1: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), listener }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("hibernate" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("deploy" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("migrate" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("roll back" as const), product: fc.nat(PRODUCTS - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("gap" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("owner" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("erase" as const), event }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("storm" as const), event, listener, filter }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
type PublishedEvent = { product: number; id: number | null; version: number | null };

/** How often each interesting case occurred, because a property that never meets its cases proves nothing. */
const occurred = { hibernate: 0, close: 0, resumed: 0, notResumed: 0, gap: 0, otherVersion: 0 };

interface Entry {
  seq: number;
  product: number;
}

/** A client that keeps its position, as the SDK does, and the events received since it connected. */
class Client {
  socket: TestSocket | null = null;
  filter: number[] | null = null;
  speaksV1 = false;
  position: { epoch: string; seq: number } | null = null;
  /** The `seq` it connected with. */
  from = 0;
  received: number[] = [];
}

/** One channel, the events published to it, and its clients. */
class World {
  readonly #kind: "order" | "products";
  readonly #run = crypto.randomUUID();
  readonly #log: Entry[] = [];
  readonly #seqById = new Map<number, number>();
  readonly #versions = new Map<string, number>();
  readonly #clients = Array.from({ length: LISTENERS }, () => new Client());
  #order = "";
  /** The channel's epoch, and the position that replay begins after. */
  #epoch: string | null = null;
  #base = 0;

  constructor(kind: "order" | "products") {
    this.#kind = kind;
  }

  async open(): Promise<void> {
    if (this.#kind === "order") this.#order = await registerOrder();
  }

  async run(operation: Operation): Promise<void> {
    switch (operation.do) {
      case "publish":
        return this.#recordResult(operation.event, await publish(this.#path, this.#body(operation.event)));
      case "batch":
        return this.#batch(operation.events);
      case "connect":
        return this.#connect(operation.listener, operation.filter, operation.speaksV1);
      case "drop":
        return this.#drop(this.#clients[operation.listener] as Client);
      case "hibernate":
        return this.#evict("hibernate");
      case "deploy":
        await this.#evict("close");
        return this.#dropAll();
      case "migrate":
        return this.#asOtherVersion(() => REDUCTIONS[this.#kind]);
      case "roll back":
        return this.#rollBack(operation.product);
      case "gap":
        return this.#gap();
      case "owner":
        return this.#changeOwner();
      case "erase":
        return this.#erase(operation.event);
      case "storm": {
        // A publish and a connection at the same time.
        const [result] = await Promise.all([
          publish(this.#path, this.#body(operation.event)),
          this.#connect(operation.listener, operation.filter, false),
        ]);
        return this.#recordResult(operation.event, result);
      }
    }
  }

  /**
   * Another version was deployed, and then this one again.
   * @param statements What that version leaves, given the last `seq` that is stored; none when nothing is.
   */
  async #asOtherVersion(statements: (head: number) => string[]): Promise<void> {
    // The two kinds of objects together have no type that the function accepts.
    const object = this.#object as unknown as DurableObjectStub<undefined>;
    await runInDurableObject(object, (_, { storage: { sql } }) => {
      if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'log'").toArray().length === 0) return;
      const head = Number(sql.exec("SELECT max(seq) AS head FROM log").one().head ?? 0);
      for (const statement of statements(head)) sql.exec(statement);
      occurred.otherVersion++;
    });
    await this.#evict("close");
    this.#dropAll();
  }

  /** The previous version was deployed again for the duration of one event. */
  #rollBack(product: number): Promise<void> {
    if (this.#kind === "order") return Promise.resolve();
    const id = this.#productId(product);
    return this.#asOtherVersion((head) => {
      const version = (this.#versions.get(id) ?? -1) + 1;
      this.#log.push({ seq: head + 1, product });
      this.#versions.set(id, version);
      return appendStatements({ seq: head + 1, product: id, version, ts: Date.now() });
    });
  }

  /** The relay found a gap: a new epoch, in which ids and versions are as before. */
  async #gap(): Promise<void> {
    occurred.gap++;
    // An epoch that began after the gap was found would not be affected.
    await this.#object.declareGap(Date.now() + 1000);
    this.#epoch = null;
  }

  /** The order passes to another user and back: its owner is disconnected, and what came before is not replayed. */
  async #changeOwner(): Promise<void> {
    if (this.#kind !== "order") return;
    const path = `/api/v1/orders/${this.#order}`;
    const { status, payment_status } = await (await serviceRequest("GET", path)).json<Record<string, string>>();
    for (const user_id of ["bob", "alice"]) await serviceRequest("PUT", path, { user_id, status, payment_status });
    this.#dropAll();
    this.#base = this.#head;
  }

  /** The order is deleted, a late event arrives, and the order is registered again: another history. */
  async #erase(late: PublishedEvent): Promise<void> {
    if (this.#kind !== "order") return;
    const path = `/api/v1/orders/${this.#order}`;
    this.#dropAll();
    await serviceRequest("DELETE", path);
    expect(await publish(this.#path, this.#body(late))).toMatchObject({ status: "stale", seq: null });
    await serviceRequest("PUT", path, { user_id: "alice", status: "pending", payment_status: "pending" });
    this.#log.length = 0;
    this.#seqById.clear();
    this.#versions.clear();
    this.#epoch = null;
    this.#base = 0;
  }

  /** Reconnects every client, and expects that it has received everything. */
  async check(): Promise<void> {
    for (const [i, client] of this.#clients.entries()) {
      if (!client.socket && client.position) await this.#connect(i, client.filter, client.speaksV1);
      if (!client.socket) continue;
      this.#take(client, await client.socket.catchUp());
      client.socket.close();
      expect(client.received).toEqual(this.#due(client));
    }
  }

  async #evict(webSockets: "hibernate" | "close"): Promise<void> {
    try {
      await evictDurableObject(this.#object, { webSockets });
      occurred[webSockets]++;
    } catch {
      // Only an object that has run since the last eviction can be evicted.
    }
  }

  /** The `seq` of the last event, of an order. */
  get #head(): number {
    return this.#log.at(-1)?.seq ?? 0;
  }

  get #path(): string {
    return this.#kind === "order" ? `orders/${this.#order}` : "products";
  }

  get #object() {
    return this.#kind === "order" ? orderObject(this.#order) : productsObject();
  }

  #productId(n: number): string {
    return `${this.#run}-${n}`;
  }

  /** The body of an event with an id follows from the id, because the same id with another body is a 409. */
  #productOf({ product, id }: PublishedEvent): number {
    return id === null ? product : id % PRODUCTS;
  }

  #versionOf({ version, id }: PublishedEvent): number | null {
    if (id === null) return version;
    return id % 2 === 0 ? null : id;
  }

  #body(event: PublishedEvent) {
    const product = this.#productOf(event);
    const version = this.#versionOf(event);
    return {
      ...(this.#kind === "order"
        ? { type: "order_shipped", data: { carrier: `${product}` } }
        : { type: "product_updated", data: { product_id: this.#productId(product) } }),
      ...(event.id !== null && { id: `${this.#run}-${event.id}` }),
      ...(version !== null && { version }),
    };
  }

  async #batch(events: PublishedEvent[]): Promise<void> {
    const channel = this.#kind === "order" ? `order_${this.#order}` : "products";
    const body = { events: events.map((event) => ({ channel, ...this.#body(event) })) };
    const response = await serviceRequest("POST", "/api/v1/publish/batch", body);
    const { results } = await response.json<{ results: PublishResult[] }>();
    for (const [i, result] of results.entries()) this.#recordResult(events[i] as PublishedEvent, result);
  }

  /** Compares an answer with the promised one, and adds an applied event to the expected log. */
  #recordResult(event: PublishedEvent, { status, seq }: PublishResult): void {
    const product = this.#productOf(event);
    const versioned = this.#kind === "order" ? "order" : this.#productId(product);
    const first = event.id === null ? undefined : this.#seqById.get(event.id);
    const version = this.#versionOf(event);
    const isLate = version !== null && version <= (this.#versions.get(versioned) ?? -1);
    const next = (this.#log.at(-1)?.seq ?? Number(seq) - 1) + 1;
    const isApplied = first === undefined && !isLate;
    const expected = isApplied ? { status: "applied", seq: next } : { status: "stale", seq: null };
    expect({ status, seq }).toEqual(first === undefined ? expected : { status: "duplicate", seq: first });
    if (!isApplied) return;
    this.#log.push({ seq: next, product });
    if (event.id !== null) this.#seqById.set(event.id, next);
    if (version !== null) this.#versions.set(versioned, version);
  }

  async #connect(index: number, filter: number[] | null, speaksV1: boolean): Promise<void> {
    const client = this.#clients[index] as Client;
    this.#drop(client);
    // Orders have no filter; an unfiltered client of products would receive events of other runs, too.
    client.filter = this.#kind === "order" ? null : (filter ?? [0, 1, 2]);
    client.speaksV1 = speaksV1;
    client.socket = await connect(this.#path, {
      query: {
        token: await mintToken(),
        ...(client.position && { since: String(client.position.seq), epoch: client.position.epoch }),
        ...(client.filter && { product_id: client.filter.map((n) => this.#productId(n)) }),
      },
      headers: speaksV1 ? { "Sec-WebSocket-Protocol": "tidings.v1" } : {},
    });
    const { data } = await client.socket.frame();
    this.#epoch ??= String(data.epoch);
    expect(data.epoch).toBe(this.#epoch);
    const { position } = client;
    const reachesBack = position?.epoch === this.#epoch && position.seq >= this.#base;
    expect(data.resumed).toBe(position && reachesBack);
    if (position) occurred[reachesBack ? "resumed" : "notResumed"]++;
    if (!reachesBack) client.position = { epoch: String(data.epoch), seq: Number(data.seq) };
    if (!client.position) throw new Error("a connected client has a position");
    client.from = client.position.seq;
    client.received = [];
  }

  /** Received events move the position. */
  #take(client: Client, texts: string[]): void {
    for (const { type, seq, data } of texts.flatMap((text): Frame[] => [JSON.parse(text)].flat())) {
      if (type === "closing") continue;
      if (type === "connection_established") {
        // A gap: everything before it has been received, and the position is of a new epoch.
        client.position = { epoch: String(data.epoch), seq: Number(data.seq) };
        expect(client.received).toEqual(this.#due(client).filter((due) => due <= Number(data.seq)));
        client.from = Number(data.seq);
        client.received = [];
        continue;
      }
      client.received.push(seq);
      if (client.position) client.position.seq = seq;
    }
  }

  #dropAll(): void {
    for (const client of this.#clients) this.#drop(client);
  }

  /** Drops the connection; the events received so far are the first of those due. */
  #drop(client: Client): void {
    if (!client.socket) return;
    this.#take(client, client.socket.drain());
    client.socket.close();
    client.socket = null;
    expect(client.received).toEqual(this.#due(client).slice(0, client.received.length));
  }

  /** @returns The `seq` of every event that a client must receive on this connection. */
  #due({ from, filter }: Client): number[] {
    return this.#log
      .filter(({ seq, product }) => seq > from && (filter === null || filter.includes(product)))
      .map(({ seq }) => seq);
  }
}

const property = (kind: "order" | "products") =>
  fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 14, size: "max" }), async (operations) => {
    const world = new World(kind);
    await world.open();
    for (const operation of operations) await world.run(operation);
    await world.check();
  });

afterEach(() => {
  vi.restoreAllMocks();
});

describe("[promise 2] [promise 3] [promise 4] each listener receives the events after its position once, in order:", () => {
  for (const kind of ["order", "products"] as const) {
    test(`${kind}, in random interleavings`, { timeout: 300_000 }, async () => {
      for (const name of Object.keys(occurred) as (keyof typeof occurred)[]) occurred[name] = 0;
      await fc.assert(property(kind), { numRuns: 150, endOnFailure: true });
      expect(
        Object.values(occurred).every((times) => times > 0),
        JSON.stringify(occurred),
      ).toBe(true);
    });
  }
});

describe("the property fails with a seeded bug:", () => {
  const { readSince, find } = EventLog.prototype;
  const { start } = Epochs.prototype;
  const { open } = Storage;
  const bugs: [name: string, seed: () => void, kind?: "products"][] = [
    [
      "a replay without its first event",
      () =>
        vi.spyOn(EventLog.prototype, "readSince").mockImplementation(function (this: EventLog, ...position) {
          const replay = readSince.apply(this, position);
          return Array.isArray(replay) ? replay.slice(1) : replay;
        }),
    ],
    [
      "a replay that begins one event too early",
      () =>
        vi.spyOn(EventLog.prototype, "readSince").mockImplementation(function (
          this: EventLog,
          { epoch, seq },
          ...rest
        ) {
          return readSince.call(this, { epoch, seq: Math.max(seq - 1, 0) }, ...rest);
        }),
    ],
    [
      "ids that are sometimes forgotten",
      () =>
        vi.spyOn(EventLog.prototype, "find").mockImplementation(function (this: EventLog, id) {
          return Math.random() < 0.5 ? undefined : find.call(this, id);
        }),
    ],
    [
      "a new epoch that forgets ids",
      () => {
        const renewed = new WeakSet<Epochs>();
        vi.spyOn(Epochs.prototype, "start").mockImplementation(function (this: Epochs, now) {
          renewed.add(this);
          start.call(this, now);
        });
        vi.spyOn(EventLog.prototype, "find").mockImplementation(function (this: EventLog, id) {
          return renewed.has(this.epochs) ? undefined : find.call(this, id);
        });
      },
    ],
    [
      "a new owner who may replay what came before",
      () => {
        vi.spyOn(Epochs.prototype, "endReplay").mockImplementation(() => {});
      },
    ],
    [
      "a migration that loses versions",
      () => {
        vi.spyOn(Storage, "open").mockImplementation((storage, migrations) => {
          const tables = storage.sql.exec("SELECT name FROM sqlite_master").toArray();
          const isFirstLayout =
            tables.some(({ name }) => name === "versions") && !tables.some(({ name }) => name === "gone");
          if (isFirstLayout) storage.sql.exec("DELETE FROM versions");
          return open.call(Storage, storage, migrations);
        });
      },
      "products",
    ],
  ];
  for (const [name, seed, kind = "order"] of bugs) {
    test(name, { timeout: 120_000 }, async () => {
      seed();
      expect((await fc.check(property(kind), { numRuns: 300, endOnFailure: true })).failed).toBe(true);
    });
  }
});
