import pMap from "p-map";
import type { Env } from "../../config/env.ts";
import { backoffCeiling } from "../../protocol/backoff.ts";
import { MAX_CONCURRENT_CALLS } from "../../protocol/platform-limits.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../../protocol/publish.ts";
import { entryFields } from "../../protocol/stream.ts";
import { logPublish, outcomesOf } from "../../telemetry/log.ts";
import { deliver } from "../deliver.ts";
import { type DeadLetter, toDeadLetter } from "./dead-letter.ts";
import type { RelayStore } from "./relay-store.ts";

/** How events from the stream are counted and logged. */
export const SOURCE: Source = { via: "redis", key: "" };

/** Back-off of a failing channel. Without jitter: there is only one relay, and it limits its own concurrency. */
const BASE_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** Delivers the outbox to the channels. A channel that fails is retried with back-off and delays no other. */
export class OutboxDelivery {
  readonly #env: Env;
  readonly #store: RelayStore;
  readonly #failing = new Map<string, { failures: number; retryAt: number }>();
  /** Channels with a delivery in progress: one at a time keeps their events in order. */
  readonly #busy = new Set<string>();
  #isRetrying = false;

  constructor(env: Env, store: RelayStore) {
    this.#env = env;
    this.#store = store;
  }

  /** When the next failing channel is due, in milliseconds since 1970; Infinity when none is failing. */
  get nextRetryAt(): number {
    return Math.min(...[...this.#failing.values()].map(({ retryAt }) => retryAt));
  }

  /** Whether `retryDue` has something to do. */
  get isRetryDue(): boolean {
    return !this.#isRetrying && this.nextRetryAt <= Date.now();
  }

  /** Delivers to the channels that are not failing. */
  async deliverWaiting(): Promise<void> {
    await this.#deliverTo(this.#store.waitingChannels().filter((channel) => !this.#failing.has(channel)));
  }

  /** Delivers to the failing channels whose back-off is over. */
  async retryDue(): Promise<void> {
    const now = Date.now();
    this.#isRetrying = true;
    try {
      await this.#deliverTo([...this.#failing].flatMap(([channel, { retryAt }]) => (retryAt <= now ? [channel] : [])));
    } finally {
      this.#isRetrying = false;
    }
  }

  async #deliverTo(channels: string[]): Promise<void> {
    await pMap(channels, (channel) => this.#drain(channel), { concurrency: MAX_CONCURRENT_CALLS });
  }

  /** Delivers a channel's rows in order, until none is left or the channel fails. */
  async #drain(channel: string): Promise<void> {
    if (this.#busy.has(channel)) return;
    this.#busy.add(channel);
    try {
      for (let next = this.#store.nextRow(channel); next; next = this.#store.nextRow(channel)) {
        const refused = await this.#deliverRow(channel, next.events);
        if (refused === "unavailable") return this.#backOff(channel);
        this.#failing.delete(channel);
        this.#store.removeRow(channel, next.row, refused);
      }
    } finally {
      this.#busy.delete(channel);
    }
  }

  /** Returns the events that the channel refused for good, or `unavailable` when it has to be tried again. */
  async #deliverRow(channel: string, events: AcceptedEvent[]): Promise<DeadLetter[] | "unavailable"> {
    const startedAt = Date.now();
    const outcomes = await deliver(this.#env, channel, events, SOURCE);
    if (outcomes.some(({ status }) => status === "unavailable")) return "unavailable";
    logPublish({
      request_id: "",
      ...SOURCE,
      channel,
      events: events.length,
      outcomes: outcomesOf(outcomes.map(({ status }) => status)),
      ms: Date.now() - startedAt,
    });
    return conflicts(events, outcomes);
  }

  #backOff(channel: string): void {
    const failures = this.#failing.get(channel)?.failures ?? 0;
    const retryAt = Date.now() + backoffCeiling(failures, BASE_RETRY_MS, MAX_RETRY_MS);
    this.#failing.set(channel, { failures: failures + 1, retryAt });
  }
}

function conflicts(events: AcceptedEvent[], outcomes: PublishOutcome[]): DeadLetter[] {
  return events
    .filter((_, i) => outcomes[i]?.status === "conflict")
    .map((event) => toDeadLetter(asEntry(event), "id_conflict", "this id was already used for another event"));
}

const asEntry = (event: AcceptedEvent) => ({ id: event.id, fields: entryFields(event) });
