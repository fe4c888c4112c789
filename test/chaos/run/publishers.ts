import { setTimeout as wait } from "node:timers/promises";
import { createClient } from "@redis/client";
import { callService } from "../../support/node-client.ts";
import { STREAM } from "../../support/redis-service.ts";
import type { Answer, Published, SentEvent } from "../model/record.ts";
import type { Random } from "./random.ts";

/**
 * Publishers over HTTP and through the stream. Each sends one event at a time, and repeats it with the same id until it
 * is answered; some repeat answered events, and some send versions that are late.
 */

const CALL_TIMEOUT_MS = 10_000;
const REPEATS = 0.05;
const VERSIONED = 0.3;
const LATE = 0.25;
const CARRIERS = ["UPS", "DHL", "Hermes"];
const STATUSES = ["pending", "processing", "packed", "on hold"];

export interface PublisherOptions {
  url: string;
  redisUrl: string;
  channels: string[];
  products: string[];
  /** Counts answers by status, and refusals. */
  count: (name: string) => void;
}

export class Publishers {
  readonly published: Published[] = [];
  isPaused = false;
  readonly #options: PublisherOptions;
  readonly #running: Promise<void>[] = [];
  readonly #versions = new Map<string, number>();
  #isEnding = false;
  #tick = 0;
  #n = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  get tick(): number {
    return this.#tick;
  }

  start(http: number, stream: number, random: Random): void {
    for (let i = 0; i < http; i++) this.#running.push(this.#publishOverHttp(random.fork()));
    for (let i = 0; i < stream; i++) this.#running.push(this.#publishThroughStream(random.fork()));
  }

  /** Ends after every event has been answered. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#running);
  }

  /** Marks what Redis may have lost: entries sent since a tick that were not seen. */
  markLost(since: number): void {
    for (const event of this.published) {
      if (event.sentAt < since) continue;
      if (event.via === "stream" || event.answers.some(({ status }) => status === "queued")) event.mayBeLost = true;
    }
  }

  #newEvent(random: Random, via: Published["via"]): Published {
    const n = ++this.#n;
    const channel = random.pick(this.#options.channels);
    const product = channel === "products" ? random.pick(this.#options.products) : null;
    const subject = product ?? channel;
    let version: number | null = null;
    if (random.chance(VERSIONED)) {
      const newest = this.#versions.get(subject) ?? 0;
      version = random.chance(LATE) ? random.between(0, newest) : newest + 1;
      this.#versions.set(subject, Math.max(newest, version));
    }
    const sent: Published = {
      ...contentOf(random, n, product),
      channel,
      id: `event-${n}`,
      version,
      product,
      via,
      sentAt: ++this.#tick,
      answeredAt: null,
      answers: [],
      mayBeLost: false,
    };
    this.published.push(sent);
    return sent;
  }

  #answer(event: Published, answer: Answer): void {
    event.answers.push(answer);
    event.answeredAt ??= ++this.#tick;
    this.#options.count(answer.status);
  }

  async #publishOverHttp(random: Random): Promise<void> {
    while (!this.#isEnding) {
      await this.#pause(random);
      const answered = this.published.filter(({ via, answers }) => via === "http" && answers.length === 1);
      const isRepeat = answered.length > 0 && random.chance(REPEATS);
      const event = isRepeat ? random.pick(answered.slice(-200)) : this.#newEvent(random, "http");
      await this.#untilAnswered(random, async () => this.#answer(event, await this.#call(event)));
    }
  }

  async #call({ channel, type, data, id, version }: SentEvent): Promise<Answer> {
    const body = { type, data, id, ...(version !== null && { version }) };
    const path = `publish/${channel.replace("order_", "orders/")}`;
    const response = await callService(this.#options.url, "POST", path, body, AbortSignal.timeout(CALL_TIMEOUT_MS));
    const { status, seq = null } = (await response.json()) as {
      status: Answer["status"] | number;
      seq?: number | null;
    };
    if (typeof status !== "number") return { status, seq };
    // 503 is a documented answer to a publisher whose event is stored nowhere.
    if (status !== 503) throw new UndocumentedAnswer(`a publish was answered ${status}`);
    throw new Error("not published");
  }

  async #publishThroughStream(random: Random): Promise<void> {
    const client = createClient({
      url: this.#options.redisUrl,
      socket: { reconnectStrategy: 100 },
      disableOfflineQueue: true,
      commandOptions: { timeout: CALL_TIMEOUT_MS },
    });
    client.on("error", () => {});
    await client.connect();
    while (!this.#isEnding) {
      await this.#pause(random);
      const event = this.#newEvent(random, "stream");
      const { channel, type, data, id, version } = event;
      const fields = {
        channel,
        type,
        data: JSON.stringify(data),
        id,
        ...(version !== null && { version: `${version}` }),
      };
      await this.#untilAnswered(random, async () => {
        await client.xAdd(STREAM, "*", fields);
        this.#answer(event, { status: "queued", seq: null });
      });
      await client.publish("tidings:doorbell", "1").catch(() => {});
    }
    client.destroy();
  }

  async #untilAnswered(random: Random, attempt: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof UndocumentedAnswer) throw error;
        this.#options.count("retries of publishers");
        await wait(random.between(20, 300));
      }
    }
  }

  async #pause(random: Random): Promise<void> {
    await wait(random.between(0, 40));
    while (this.isPaused && !this.#isEnding) await wait(50);
  }
}

/** An answer that the manual does not name for these publishers. */
class UndocumentedAnswer extends Error {}

function contentOf(random: Random, n: number, product: string | null): Pick<SentEvent, "type" | "data"> {
  // Some events are long, so that buffers and pages fill up.
  const note = random.chance(0.05) ? "long ".repeat(random.between(100, 3000)) : "short";
  const data = { n, note };
  if (product !== null) {
    const type = random.pick(["product_created", "product_updated", "inventory_updated", "product_deleted"]);
    return { type, data: { ...data, product_id: product, ...(type === "inventory_updated" && { new_quantity: n }) } };
  }
  const new_status = random.pick(STATUSES);
  switch (random.between(0, 4)) {
    case 0:
      return { type: "order_status_changed", data: { ...data, new_status } };
    case 1:
      return { type: "payment_status_changed", data: { ...data, new_status } };
    case 2:
      return { type: "order_delivered", data };
    case 3:
      return { type: "order_shipped", data: { ...data, carrier: random.pick(CARRIERS) } };
    default:
      return { type: "order_shipped", data: { ...data, tracking_number: `TRACK-${n}` } };
  }
}
