import { runDurableObjectAlarm } from "cloudflare:test";
import type { PublishResult } from "../../../src/protocol/publish.ts";
import { productsObject, serviceRequest } from "../service.ts";
import type { AppliedEvent, Wanted } from "./listener-log.ts";
import type { ShardFaults } from "./shard-faults.ts";
import { type Channel, type Connection, pause, ShardListener } from "./shard-listener.ts";
import { type Action, type Arrival, LISTENERS, PRODUCTS, type PublishedEvent, TYPES } from "./shard-steps.ts";
import { atRoot, type Continent, evict, kill, setShards, shardObject } from "./sharded-channel.ts";

/** The products channel and its shards under random steps, and a model of what each listener must receive. */

/** Of a region. */
const MAX_SHARDS = 4;

/** How often each interesting case occurred, because a property that never meets its cases proves nothing. */
export type Occurrences = Record<Action["do"] | "resumed" | "notResumed" | "repeated" | "leftOut", number>;

/** How long everything that was published may take to arrive, when nothing fails any more. */
const SETTLE_MS = 5000;
/** After this long, only the root's alarm can help. */
const BEFORE_ALARM_MS = 300;
const MAX_PUBLISH_ATTEMPTS = 20;
const LARGE_EVENTS = 6;
const LARGE_CHARACTERS = 50_000;
/** Shards look once a minute for products that no listener wants any more. */
const LATER_MS = 61_000;

/** The channel outlives each world, so its history and epochs are those of all worlds. */
const history: (AppliedEvent & { id: string })[] = [];
const epochs: string[] = [];
/** Publish calls so far, and how many events are in those that were not answered. */
let calls = 0;
let unanswered = 0;

const channel: Channel = {
  epochs: () => epochs,
  newest: () => (history.at(-1)?.seq ?? 0) + unanswered,
};

export class ShardWorld {
  readonly #faults: ShardFaults;
  readonly #advanceClock: (milliseconds: number) => void;
  readonly #occurred: Partial<Occurrences>;
  readonly #listeners: ShardListener[];
  readonly #run = crypto.randomUUID().slice(0, 8);
  #published = 0;
  #ending: Promise<void> = Promise.resolve();

  /** @param occurred Counts what happens. */
  constructor(faults: ShardFaults, advanceClock: (milliseconds: number) => void, occurred: Partial<Occurrences>) {
    this.#faults = faults;
    this.#advanceClock = advanceClock;
    this.#occurred = occurred;
    this.#listeners = Array.from({ length: LISTENERS }, () => new ShardListener(channel));
  }

  async open(shards: number): Promise<void> {
    await setShards(shards);
    // The channel exists, so that it has an epoch.
    await this.#publish([{ product: 0, type: "product_updated", id: null, version: null }]);
    await this.#noteEpoch();
  }

  async run(actions: readonly Action[]): Promise<void> {
    await Promise.all(actions.map((action) => this.#do(action)));
  }

  /** Ends all faults, reconnects every listener, and waits until each has received everything. */
  async settle(): Promise<void> {
    this.#faults.end();
    const started = performance.now();
    let alarms = 0;
    for (;;) {
      const fault = await this.#fault();
      if (fault === null) break;
      const waited = performance.now() - started;
      if (waited > SETTLE_MS) throw new Error(fault);
      if (waited > BEFORE_ALARM_MS * (alarms + 1)) {
        alarms++;
        await runDurableObjectAlarm(productsObject());
      }
      await pause();
    }
    for (const listener of this.#listeners) {
      listener.drop();
      this.#count("leftOut", listener.leftOut(history));
    }
  }

  /** Reconnects listeners whose connection is gone. @returns What is wrong with any listener, or null. */
  async #fault(): Promise<string | null> {
    let fault: string | null = null;
    for (const [i, listener] of this.#listeners.entries()) {
      listener.absorb();
      const { connection } = listener;
      if (!connection) continue;
      if (!listener.isConnected) await this.#connect(listener, connection);
      const isBehind = listener.epoch !== epochs.at(-1);
      const wrong = isBehind ? "a gap is missing" : listener.fault(history, true);
      if (wrong !== null) fault ??= `listener ${i} (${JSON.stringify(connection)}): ${wrong}`;
    }
    return fault;
  }

  async #do(action: Action): Promise<void> {
    this.#count(action.do);
    switch (action.do) {
      case "publish":
        return this.#publish([action.event]);
      case "batch":
        return this.#publish(action.events);
      case "large batch": {
        const { product } = action;
        const event = { product, type: "product_updated" as const, id: null, version: null };
        return this.#publish(Array(LARGE_EVENTS).fill(event), "x".repeat(LARGE_CHARACTERS));
      }
      case "connect":
        return this.#connectAs(action);
      case "connect during pushes": {
        this.#faults.add("join", "delay answer");
        const connecting = this.#connectAs(action);
        for (const event of action.events) await this.#publish([event]);
        return connecting;
      }
      case "subscribe":
      case "unsubscribe": {
        const listener = this.#listener(action.listener);
        const ids = action.products.map((product) => this.#id(product));
        return listener.exclusively(() => listener.refilter(action.do as "subscribe", ids, () => this.#head()));
      }
      case "drop": {
        const listener = this.#listener(action.listener);
        return listener.exclusively(async () => listener.drop());
      }
      case "evict root":
        return this.#oneAtATime(() => evict(productsObject()));
      case "kill root":
        return this.#oneAtATime(() => kill(productsObject()));
      case "evict shards":
        return this.#oneAtATime(() => each(action.continent, (shard) => evict(shard)));
      case "close shards":
        return this.#oneAtATime(() => each(action.continent, (shard) => evict(shard, "close")));
      case "kill shards":
        return this.#oneAtATime(() => each(action.continent, kill));
      case "fault":
        return this.#faults.add(action.call, action.fault);
      case "later":
        return this.#advanceClock(LATER_MS);
      case "gap":
        return this.#gap();
      case "disconnect":
        return this.#disconnect(action.user);
      case "plan":
        return this.#oneAtATime(() => repeat(() => setShards(action.shards)));
    }
  }

  /** The test runtime waits for half a minute when an object is killed while it is being evicted. */
  #oneAtATime(end: () => Promise<void>): Promise<void> {
    this.#ending = this.#ending.then(end);
    return this.#ending;
  }

  /** Publishes until the service has answered. Events are repeated with their ids, so each is applied once. */
  async #publish(events: readonly PublishedEvent[], text = ""): Promise<void> {
    const bodies = events.map((event) => this.#body(event, text));
    const call = ++calls;
    unanswered += bodies.length;
    for (let attempt = 1; ; attempt++) {
      const results = await publishAll(bodies);
      if (results) {
        for (const [i, body] of bodies.entries()) this.#note(body, results[i] as PublishResult, call);
        unanswered -= bodies.length;
        return;
      }
      if (attempt === MAX_PUBLISH_ATTEMPTS) throw new Error("events could not be published");
      this.#count("repeated");
      await pause();
    }
  }

  /** Adds an applied event to the history. A repeated one may be known already, or have been applied unnoticed. */
  #note({ type, data, id }: Body, { status, seq }: PublishResult, call: number): void {
    if (status === "stale" || seq === null) return;
    const known = history.find((event) => event.seq === seq);
    if (known && known.id !== id) throw new Error(`event ${seq} is another one`);
    if (known) return;
    // Another call may have applied a duplicate.
    history.push({ seq, product: data.product_id, type, id, call: status === "applied" ? call : null });
    history.sort((a, b) => a.seq - b.seq);
  }

  #connectAs({ listener: index, continent, user, wanted, speaksV1, isConflated }: Arrival): Promise<void> {
    const connection = { continent, user: `user-${user}`, speaksV1, isConflated, wanted: this.#ids(wanted) };
    const listener = this.#listener(index);
    return listener.exclusively(() => this.#connect(listener, connection));
  }

  async #connect(listener: ShardListener, connection: Connection): Promise<void> {
    const resumed = await listener.connect(connection);
    if (resumed !== null) this.#count(resumed ? "resumed" : "notResumed");
  }

  /** The relay found a gap: a new epoch, in which ids and versions are as before. */
  async #gap(): Promise<void> {
    // Until it is known which epoch a connection met.
    epochs.push("unknown");
    // An epoch that began after the gap was found would not be affected.
    await repeat(() => productsObject().declareGap(Date.now() + 1000));
    await this.#noteEpoch();
  }

  async #noteEpoch(): Promise<void> {
    const { epoch } = await repeat(() => atRoot((root) => root.core.log.position()));
    if (epochs.at(-1) !== epoch) epochs.push(epoch);
  }

  async #head(): Promise<number> {
    return (await repeat(() => atRoot((root) => root.core.log.position()))).seq;
  }

  async #disconnect(user: number | null): Promise<void> {
    const body = { channel: "products", ...(user !== null && { user_id: `user-${user}` }) };
    await repeat(async () => {
      const { status } = await serviceRequest("POST", "/api/v1/disconnect", body);
      if (status !== 200) throw new Error(`disconnect was answered ${status}`);
    });
  }

  #body(event: PublishedEvent, text: string): Body {
    const { id } = event;
    // The same id with another body is a 409, so the body of an event with an id follows from the id.
    const product = id === null ? event.product : id % PRODUCTS;
    const type = id === null ? event.type : (TYPES[id % TYPES.length] ?? TYPES[0]);
    const version = id === null ? event.version : null;
    return {
      type,
      data: { product_id: this.#id(product), new_quantity: 1, new_price: 1, text },
      id: id === null ? `${this.#run}-once-${this.#published++}` : `${this.#run}-${id}`,
      ...(version !== null && { version }),
    };
  }

  #id(product: number): string {
    return `${this.#run}-${product}`;
  }

  #ids(wanted: readonly number[] | null): Wanted {
    return wanted?.map((product) => this.#id(product)) ?? null;
  }

  #listener(index: number): ShardListener {
    const listener = this.#listeners[index];
    if (!listener) throw new RangeError(`no listener ${index}`);
    return listener;
  }

  #count(what: keyof Occurrences, times = 1): void {
    this.#occurred[what] = (this.#occurred[what] ?? 0) + times;
  }
}

/** Acts on all shards that a continent may have. */
async function each(continent: Continent, action: (shard: unknown) => Promise<void>): Promise<void> {
  for (let index = 0; index < MAX_SHARDS; index++) await action(shardObject(continent, index));
}

interface Body {
  type: string;
  data: { product_id: string; new_quantity: number; new_price: number; text: string };
  id: string;
  version?: number;
}

/** @returns The results, or null when any event was not published. */
async function publishAll(bodies: readonly Body[]): Promise<PublishResult[] | null> {
  const [body] = bodies;
  if (body && bodies.length === 1) {
    const response = await serviceRequest("POST", "/api/v1/publish/products", body);
    return response.status === 200 ? [await response.json<PublishResult>()] : null;
  }
  const events = bodies.map((body) => ({ channel: "products", ...body }));
  const response = await serviceRequest("POST", "/api/v1/publish/batch", { events });
  const { results } = await response.json<{ results: PublishResult[] }>();
  return results.every(({ status }) => ["applied", "duplicate", "stale"].includes(status)) ? results : null;
}

/** Repeats a call to an object that may just have been killed. */
async function repeat<R>(call: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === MAX_PUBLISH_ATTEMPTS) throw error;
      await pause();
    }
  }
}
