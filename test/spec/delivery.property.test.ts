import { evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { History, type LoggedFrame } from "../../src/channels/log/history.ts";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { connect, orderObject, productsObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/**
 * Never miss, never twice: whatever happens in whatever order, each listener's log equals the channel's log from its
 * position, in order, once.
 */

const LISTENERS = 3;
const PRODUCTS = 3;

const listener = fc.nat(LISTENERS - 1);
/** Few ids and versions, so that repeated and late ones are common. */
const event = fc.record({
  product: fc.nat(PRODUCTS - 1),
  id: fc.option(fc.nat(5), { freq: 2 }),
  version: fc.option(fc.nat(5), { freq: 3 }),
});
/** Narrow ones mostly: what a filter keeps back is what a position can be lost over. */
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
  { weight: 1, arbitrary: fc.record({ do: fc.constant("storm" as const), event, listener, filter }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
type PublishedEvent = { product: number; id: number | null; version: number | null };

/** What really happened: a property that never meets what it is about would hold of anything. */
const happened = { hibernate: 0, close: 0, resumed: 0, positionTold: 0 };

interface Entry {
  seq: number;
  product: number;
}

/** A client that keeps its position, as the SDK does, and what it was told since it connected. */
class Client {
  socket: TestSocket | null = null;
  filter: number[] | null = null;
  speaksV1 = false;
  position: { epoch: string; seq: number } | null = null;
  /** The position it connected with. */
  from = 0;
  heard: number[] = [];
}

/** One channel, what was published to it, and its listeners. */
class World {
  readonly #kind: "order" | "products";
  readonly #run = crypto.randomUUID();
  readonly #log: Entry[] = [];
  readonly #seqById = new Map<number, number>();
  readonly #versions = new Map<string, number>();
  readonly #clients = Array.from({ length: LISTENERS }, () => new Client());
  #order = "";

  constructor(kind: "order" | "products") {
    this.#kind = kind;
  }

  async open(): Promise<void> {
    if (this.#kind === "order") this.#order = await registerOrder();
  }

  async run(operation: Operation): Promise<void> {
    switch (operation.do) {
      case "publish":
        return this.#note(operation.event, await publish(this.#path, this.#body(operation.event)));
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
        for (const client of this.#clients) this.#drop(client);
        return;
      case "storm": {
        // A publish while somebody connects: whichever comes first, nothing is lost between.
        const [result] = await Promise.all([
          publish(this.#path, this.#body(operation.event)),
          this.#connect(operation.listener, operation.filter, false),
        ]);
        return this.#note(operation.event, result);
      }
    }
  }

  /** Everybody who was there comes back, and has heard everything. */
  async check(): Promise<void> {
    for (const [i, client] of this.#clients.entries()) {
      if (!client.socket && client.position) await this.#connect(i, client.filter, client.speaksV1);
      if (!client.socket) continue;
      this.#take(client, await client.socket.settle());
      client.socket.close();
      expect(client.heard).toEqual(this.#due(client));
    }
  }

  async #evict(webSockets: "hibernate" | "close"): Promise<void> {
    try {
      await evictDurableObject(this.#object, { webSockets });
      happened[webSockets]++;
    } catch {
      // An object that has not run since the last time cannot be evicted.
    }
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

  /** What an event with an id says follows from the id: the same id with another body would be a 409. */
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
    for (const [i, result] of results.entries()) this.#note(events[i] as PublishedEvent, result);
  }

  /** Compares an answer with what the promises say it must be, and writes an applied event down. */
  #note(event: PublishedEvent, { status, seq }: PublishResult): void {
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
    // Orders have no filter; a client of products that wanted everything would hear of other runs, too.
    client.filter = this.#kind === "order" ? null : (filter ?? [0, 1, 2]);
    client.speaksV1 = speaksV1;
    client.socket = await connect(this.#path, {
      query: {
        token: await mintToken(),
        ...(client.position && { since: String(client.position.seq), epoch: client.position.epoch }),
        ...(client.filter && { product_id: client.filter.map((n) => this.#productId(n)).join() }),
      },
      headers: speaksV1 ? { "Sec-WebSocket-Protocol": "tidings.v1" } : {},
    });
    const { data } = await client.socket.frame();
    expect(data.resumed).toBe(client.position ? true : null);
    if (client.position) happened.resumed++;
    client.position ??= { epoch: String(data.epoch), seq: Number(data.seq) };
    client.from = client.position.seq;
    client.heard = [];
  }

  /** What has come moves the position; one that is told without an event must leave nothing behind. */
  #take(client: Client, texts: string[]): void {
    for (const { type, seq } of texts.flatMap((text): Frame[] => [JSON.parse(text)].flat())) {
      if (type === "position") {
        happened.positionTold++;
        expect(client.heard).toEqual(this.#due(client).filter((due) => due <= seq));
      } else client.heard.push(seq);
      if (client.position) client.position.seq = seq;
    }
  }

  /** The connection is lost: what has come so far is what there is, and it is the beginning of what is due. */
  #drop(client: Client): void {
    if (!client.socket) return;
    this.#take(client, client.socket.drain());
    client.socket.close();
    client.socket = null;
    expect(client.heard).toEqual(this.#due(client).slice(0, client.heard.length));
  }

  /** What a client must hear on this connection. */
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

describe("each listener's log equals the channel's log from its position, in order, once", () => {
  for (const kind of ["order", "products"] as const) {
    test(`${kind}: random interleavings`, { timeout: 300_000 }, async () => {
      Object.assign(happened, { hibernate: 0, close: 0, resumed: 0, positionTold: 0 });
      await fc.assert(property(kind), { numRuns: 300, endOnFailure: true });
      const { positionTold, ...always } = happened;
      expect(
        Object.values(always).every((times) => times > 5),
        JSON.stringify(happened),
      ).toBe(true);
      // Orders have no filter.
      expect(positionTold > 5, JSON.stringify(happened)).toBe(kind === "products");
    });
  }
});

describe("the test of the test: a seeded bug makes it fail", () => {
  const { readSince, find } = History.prototype;
  const bugs: [string, () => void][] = [
    [
      "a replay that leaves out its first event",
      () =>
        vi.spyOn(History.prototype, "readSince").mockImplementation(function (this: History, ...position) {
          return (readSince.apply(this, position)?.slice(1) ?? null) satisfies LoggedFrame[] | null;
        }),
    ],
    [
      "a replay that begins one too early",
      () =>
        vi.spyOn(History.prototype, "readSince").mockImplementation(function (this: History, epoch, since, now) {
          return readSince.call(this, epoch, Math.max(since - 1, 0), now);
        }),
    ],
    [
      "ids that are forgotten now and then",
      () =>
        vi.spyOn(History.prototype, "find").mockImplementation(function (this: History, id) {
          return Math.random() < 0.5 ? undefined : find.call(this, id);
        }),
    ],
  ];
  for (const [name, seed] of bugs) {
    test(name, { timeout: 120_000 }, async () => {
      seed();
      expect((await fc.check(property("order"), { numRuns: 300, endOnFailure: true })).failed).toBe(true);
    });
  }
});
