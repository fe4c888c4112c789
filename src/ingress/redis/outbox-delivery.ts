import pMap from "p-map";
import type { Env } from "../../config/env.ts";
import type { DeadLetterCode } from "../../protocol/dead-letters.ts";
import { MAX_CONCURRENT_CALLS } from "../../protocol/platform-limits.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../../protocol/publish.ts";
import { entryFields } from "../../protocol/stream.ts";
import { OBJECT_CALL_TIMEOUT_MS } from "../../runtime/time-limit.ts";
import { logFault, logPublish, outcomesOf } from "../../telemetry/log.ts";
import { deliverToChannel } from "../deliver.ts";
import { type DeadLetter, toDeadLetter } from "./dead-letter.ts";
import { FailingChannels } from "./failing-channels.ts";
import type { OutboxRow, RelayStore } from "./relay-store.ts";

/** How events from the stream are counted and logged. */
export const SOURCE: Source = { via: "redis", key: "" };

/** Delivers the outbox to the channels. A channel that fails is retried with back-off and delays no other. */
export class OutboxDelivery {
  readonly failing: FailingChannels;
  readonly #env: Env;
  readonly #store: RelayStore;
  /** Channels with a delivery in progress: one at a time keeps their events in order. */
  readonly #busy = new Set<string>();
  #isRetrying = false;

  constructor(env: Env, store: RelayStore, sql: SqlStorage) {
    this.#env = env;
    this.#store = store;
    this.failing = new FailingChannels(store, sql);
  }

  /**
   * When the next failing channel is due, in milliseconds since 1970; Infinity when none is failing. During a retry, the
   * channels that are being tried are still due, so this is a later time, in case the retry does not end.
   */
  get nextRetryAt(): number {
    return this.#isRetrying ? Date.now() + OBJECT_CALL_TIMEOUT_MS : this.failing.nextRetryAt;
  }

  /** Delivers to the channels that are not failing. */
  async deliverWaiting(): Promise<void> {
    await this.#deliverTo(this.#store.waitingChannels().filter((channel) => !this.failing.has(channel)));
  }

  /** Delivers to the failing channels whose back-off is over. */
  async retryDue(): Promise<void> {
    this.#isRetrying = true;
    try {
      await this.#deliverTo(this.failing.due(Date.now()));
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
      for (let next = this.#store.oldestRow(channel); next; next = this.#store.oldestRow(channel)) {
        if (!(await this.#deliverRow(channel, next))) return;
      }
      this.failing.recovered(channel);
    } finally {
      this.#busy.delete(channel);
    }
  }

  /** Delivers a row, or gives it up after too many tries. Returns false when it has to be tried again later. */
  async #deliverRow(channel: string, { row, events }: OutboxRow): Promise<boolean> {
    const startedAt = Date.now();
    const delivery = await deliverToChannel(this.#env, channel, events, SOURCE);
    const now = Date.now();
    if (!delivery.isDelivered || delivery.outcomes.some(({ status }) => status === "unavailable")) {
      const failure = delivery.isDelivered ? "busy" : delivery.failure;
      const shouldGiveUp = this.failing.failed(channel, failure, now);
      if (!shouldGiveUp) return false;
      logFault("dead_letters", new Error("a channel failed too often"), { channel, events: events.length });
      this.#store.removeRow(channel, row, setAside(events, "channel_failed", "its channel failed too often"));
      return true;
    }
    this.failing.delivered(channel, now);
    logPublish({
      request_id: "",
      ...SOURCE,
      channel,
      events: events.length,
      outcomes: outcomesOf(delivery.outcomes.map(({ status }) => status)),
      ms: now - startedAt,
    });
    this.#store.removeRow(channel, row, conflicts(events, delivery.outcomes));
    return true;
  }
}

function conflicts(events: AcceptedEvent[], outcomes: PublishOutcome[]): DeadLetter[] {
  const conflicting = events.filter((_, i) => outcomes[i]?.status === "conflict");
  return setAside(conflicting, "id_conflict", "this id was already used for another event");
}

function setAside(events: AcceptedEvent[], code: DeadLetterCode, reason: string): DeadLetter[] {
  return events.map((event) => toDeadLetter({ id: event.id, fields: entryFields(event) }, code, reason));
}
