import { BATCH_PATH } from "../../protocol/paths.ts";
import { MAX_TIMER_MS } from "../../protocol/platform-limits.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS } from "../../protocol/publish-call.ts";
import type { Problem } from "../../protocol/refusals.ts";
import { utf8Length } from "../../protocol/utf8.ts";
import type { OutgoingEvent, PublishAnswer, Rejected } from "./events.ts";
import { isTransientStatus, PublishError, refusalError } from "./publish-error.ts";
import { withRetries } from "./retry.ts";
import { isProblem, type ServiceCall } from "./service-call.ts";
import { eventJson, isAnswer } from "./wire.ts";

export interface BatchOptions {
  /** The most events per call, 1 to 1,000. Default 100. */
  maxEvents?: number | undefined;
  /** How long an event may wait for others, in milliseconds. Default 20. */
  maxDelayMs?: number | undefined;
}

const DEFAULT_MAX_EVENTS = 100;
const DEFAULT_MAX_DELAY_MS = 20;
const EMPTY_BODY_BYTES = '{"events":[]}'.length;

/** The events of one `publishBatch`. Once a call fails, the later ones are not sent, so that none overtakes a failed one. */
export interface EventGroup {
  failure?: unknown;
}

interface QueuedEvent {
  event: OutgoingEvent;
  group: EventGroup;
  json: string;
  /** Including the comma that follows it. */
  bytes: number;
  /** When to give up on the event, in milliseconds since 1970. */
  deadline: number;
  resolve(result: PublishAnswer | Rejected): void;
  reject(error: unknown): void;
}

/**
 * Collects events into calls of the batch endpoint. Sends one call at a time, in the order in which events were added,
 * so no retry overtakes another event and each channel keeps its order.
 */
export class BatchQueue {
  readonly #service: ServiceCall;
  readonly #limits: { maxTries: number; deadlineMs: number };
  readonly #maxEvents: number;
  readonly #maxDelayMs: number;
  #queue: QueuedEvent[] = [];
  #queuedBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSending = false;

  constructor(service: ServiceCall, limits: { maxTries: number; deadlineMs: number }, batch: BatchOptions) {
    this.#service = service;
    this.#limits = limits;
    this.#maxEvents = Math.max(1, Math.min(batch.maxEvents ?? DEFAULT_MAX_EVENTS, MAX_BATCH_EVENTS));
    this.#maxDelayMs = batch.maxDelayMs ?? DEFAULT_MAX_DELAY_MS;
  }

  /** Adds an event and returns its result. @throws {PublishError} when its fate is unknown, or it was not sent. */
  add(event: OutgoingEvent, group: EventGroup = {}): Promise<PublishAnswer | Rejected> {
    const json = eventJson(event, true);
    const bytes = utf8Length(json) + 1;
    const { promise, resolve, reject } = Promise.withResolvers<PublishAnswer | Rejected>();
    const deadline = Date.now() + this.#limits.deadlineMs;
    this.#queue.push({ event, group, json, bytes, deadline, resolve, reject });
    this.#queuedBytes += bytes;
    const isFull = this.#queue.length >= this.#maxEvents || this.#queuedBytes >= MAX_BATCH_BYTES - EMPTY_BODY_BYTES;
    if (isFull) this.sendNow();
    else this.#timer ??= setTimeout(() => this.sendNow(), Math.min(this.#maxDelayMs, MAX_TIMER_MS));
    return promise;
  }

  /** Sends the queue without further delay, once the current call has ended. */
  sendNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#queue.length > 0) {
      await this.#send(this.#takeBatch());
      this.#removeFailedGroups();
    }
    this.#isSending = false;
  }

  /** Removes the events of the next call: as many as fit, but at least one. The service refuses an event that is too large. */
  #takeBatch(): QueuedEvent[] {
    let bytes = EMPTY_BODY_BYTES;
    let count = 0;
    for (const item of this.#queue) {
      bytes += item.bytes;
      if (count > 0 && (count === this.#maxEvents || bytes > MAX_BATCH_BYTES)) break;
      count++;
    }
    const batch = this.#queue.splice(0, count);
    this.#countBytes();
    return batch;
  }

  #removeFailedGroups(): void {
    const waiting: QueuedEvent[] = [];
    for (const item of this.#queue) {
      if (item.group.failure === undefined) waiting.push(item);
      else item.reject(item.group.failure);
    }
    this.#queue = waiting;
    this.#countBytes();
  }

  #countBytes(): void {
    this.#queuedBytes = this.#queue.reduce((sum, item) => sum + item.bytes, 0);
  }

  /** Sends a batch, then again the events whose channel was unreachable, until each event is settled. Never throws. */
  async #send(batch: QueuedEvent[]): Promise<void> {
    // The newest event has the latest deadline, so the batch never gives up on an event early.
    const deadline = batch.at(-1)?.deadline ?? 0;
    let pending = batch;
    let refusals = new Map<QueuedEvent, Problem>();
    try {
      await withRetries(this.#limits.maxTries, deadline, async () => {
        refusals = new Map();
        const body = `{"events":[${pending.map(({ json }) => json).join(",")}]}`;
        const results = parseResults(await this.#service.post(BATCH_PATH, body, deadline), pending.length);
        for (const [i, item] of pending.entries()) {
          const result = results[i];
          if (isAnswer(result)) item.resolve(result);
          else if (isTransientStatus(problemOf(result).status)) refusals.set(item, problemOf(result));
          else item.resolve(rejected(item, problemOf(result)));
        }
        pending = [...refusals.keys()];
        const [first] = refusals.values();
        if (first) throw refusalError(first);
      });
    } catch (error) {
      for (const item of pending) {
        const refusal = refusals.get(item);
        if (refusal) item.resolve(rejected(item, refusal));
        else {
          item.group.failure = error;
          item.reject(error);
        }
      }
    }
  }
}

const rejected = ({ event }: QueuedEvent, error: Problem): Rejected => ({ id: event.id, status: "rejected", error });

function parseResults(answer: unknown, count: number): unknown[] {
  const { results } = (typeof answer === "object" && answer !== null ? answer : {}) as { results?: unknown };
  if (Array.isArray(results) && results.length === count) return results;
  throw new PublishError("The service's answer to a batch does not have one result per event");
}

/** Returns why an event of a batch was refused. */
function problemOf(result: unknown): Problem {
  const { error } = (typeof result === "object" && result !== null ? result : {}) as { error?: unknown };
  return isProblem(error) ? error : { type: "about:blank", title: "The result is not valid", status: 400 };
}
