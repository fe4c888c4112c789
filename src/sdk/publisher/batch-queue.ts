import { valueAt } from "../../protocol/json.ts";
import { BATCH_PATH } from "../../protocol/paths.ts";
import { MAX_TIMER_MS } from "../../protocol/platform-limits.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES, type OutgoingEvent } from "../../protocol/publish-call.ts";
import type { Problem } from "../../protocol/refusals.ts";
import { utf8Length } from "../../protocol/utf8.ts";
import type { PublishAnswer, Rejected } from "./events.ts";
import { isTransientStatus, PublishError } from "./publish-error.ts";
import { backoffMs, withRetries } from "./retry.ts";
import type { ServiceCall } from "./service-call.ts";
import { eventJson, isAnswer, isProblem } from "./wire.ts";

export interface BatchOptions {
  /** The most events per call, 1 to 1,000. Default 100. */
  maxEvents?: number | undefined;
  /** How long an event may wait for others, in milliseconds. Default 20. */
  maxDelayMs?: number | undefined;
}

const DEFAULT_MAX_EVENTS = 100;
const DEFAULT_MAX_DELAY_MS = 20;
const EMPTY_BODY_BYTES = '{"events":[]}'.length;
/** Not `problem()`: bundles would contain the whole table of refusals. */
const TOO_LARGE: Problem = {
  type: "urn:tidings:problem:body_too_large",
  title: "Body too large",
  status: 413,
  detail: `An event has at most ${MAX_EVENT_BYTES} bytes.`,
};

interface QueuedEvent {
  event: OutgoingEvent;
  /** The `publishBatch` that the event belongs to. Once a call with one of its events fails, the rest are not sent. */
  group: symbol;
  json: string;
  /** Including the comma that follows it. */
  bytes: number;
  /** When to give up on the event, in milliseconds since 1970. */
  deadline: number;
  /** How often its channel could not be reached. */
  failures: number;
  resolve(result: PublishAnswer | Rejected): void;
  reject(error: unknown): void;
}

/**
 * Collects events into calls of the batch endpoint. Sends one call at a time, in the order in which events were added,
 * so no retry overtakes another event and each channel keeps its order. The events of a channel that cannot be reached
 * wait for their next attempt; those of other channels are sent meanwhile.
 */
export class BatchQueue {
  readonly #call: ServiceCall;
  readonly #limits: { maxTries: number; deadlineMs: number };
  readonly #maxEvents: number;
  readonly #maxDelayMs: number;
  #queue: QueuedEvent[] = [];
  #queuedBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSending = false;
  /** When the channels that could not be reached are tried again, in milliseconds since 1970. */
  readonly #retryAt = new Map<string, number>();
  #wake = () => {};

  constructor(call: ServiceCall, limits: { maxTries: number; deadlineMs: number }, batch: BatchOptions) {
    this.#call = call;
    this.#limits = limits;
    this.#maxEvents = Math.max(1, Math.min(batch.maxEvents ?? DEFAULT_MAX_EVENTS, MAX_BATCH_EVENTS));
    this.#maxDelayMs = batch.maxDelayMs ?? DEFAULT_MAX_DELAY_MS;
  }

  /** Adds an event and returns its result. @throws {PublishError} when its outcome is unknown, or it was not sent. */
  add(event: OutgoingEvent, group = Symbol()): Promise<PublishAnswer | Rejected> {
    const json = eventJson(event, true);
    const bytes = utf8Length(json) + 1;
    // Its call would be refused, and with it the rest of its group.
    if (EMPTY_BODY_BYTES + bytes > MAX_BATCH_BYTES) return Promise.resolve(rejected(event, TOO_LARGE));
    const { promise, resolve, reject } = Promise.withResolvers<PublishAnswer | Rejected>();
    const deadline = Date.now() + this.#limits.deadlineMs;
    this.#queue.push({ event, group, json, bytes, deadline, failures: 0, resolve, reject });
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
    this.#wake();
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch(Date.now());
      if (batch.length === 0) await this.#untilDue();
      else await this.#send(batch);
    }
    this.#isSending = false;
  }

  /** Removes the events of the next call: as many as fit; none if all have to wait. */
  #takeBatch(now: number): QueuedEvent[] {
    const batch: QueuedEvent[] = [];
    const left: QueuedEvent[] = [];
    let bytes = EMPTY_BODY_BYTES;
    let isFull = false;
    for (const item of this.#queue) {
      const mustWait = this.#dueAt(item) > now;
      isFull ||= batch.length + 1 > this.#maxEvents;
      isFull ||= !mustWait && bytes + item.bytes > MAX_BATCH_BYTES;
      (isFull || mustWait ? left : batch).push(item);
      if (!mustWait) bytes += item.bytes;
    }
    this.#replaceQueue(left);
    return batch;
  }

  #dueAt({ event }: QueuedEvent): number {
    return this.#retryAt.get(event.channel) ?? 0;
  }

  /** Waits until an event's channel may be tried again, or events are to be sent now. */
  async #untilDue(): Promise<void> {
    const due = this.#queue.reduce((first, item) => Math.min(first, this.#dueAt(item)), Number.POSITIVE_INFINITY);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, due - Date.now());
    });
  }

  #replaceQueue(queue: QueuedEvent[]): void {
    this.#queue = queue;
    this.#queuedBytes = queue.reduce((sum, item) => sum + item.bytes, 0);
  }

  /** Sends a batch until the service has answered it. Never throws. */
  async #send(batch: QueuedEvent[]): Promise<void> {
    // The latest, so that the batch never gives up on an event early.
    const deadline = Math.max(...batch.map((item) => item.deadline));
    const body = `{"events":[${batch.map(({ json }) => json).join(",")}]}`;
    try {
      const results = await withRetries(this.#limits.maxTries, deadline, async () =>
        parseResults(await this.#call(BATCH_PATH, body, deadline), batch.length),
      );
      // One time for all of them, so that they make one call again.
      const retryAt = Date.now() + backoffMs(Math.max(...batch.map(({ failures }) => failures)));
      const unreached = batch.filter((item, i) => !this.#settle(item, results[i], retryAt));
      this.#replaceQueue([...unreached, ...this.#queue]);
    } catch (error) {
      const failed = new Set(batch.map(({ group }) => group));
      const isFailed = ({ group }: QueuedEvent) => failed.has(group);
      // The rest of a failed group is not sent, so that no event overtakes an earlier one.
      for (const item of [...batch, ...this.#queue.filter(isFailed)]) {
        this.#retryAt.delete(item.event.channel);
        item.reject(error);
      }
      this.#replaceQueue(this.#queue.filter((item) => !isFailed(item)));
    }
  }

  /** Settles an event. Returns false for one whose channel could not be reached and is tried again at `retryAt`. */
  #settle(item: QueuedEvent, result: unknown, retryAt: number): boolean {
    const { channel } = item.event;
    const answer = isAnswer(result) ? result : rejected(item.event, problemOf(result));
    const mayRetry = ++item.failures < this.#limits.maxTries && retryAt < item.deadline;
    if (mayRetry && answer.status === "rejected" && isTransientStatus(answer.error.status)) {
      this.#retryAt.set(channel, retryAt);
      return false;
    }
    this.#retryAt.delete(channel);
    item.resolve(answer);
    return true;
  }
}

const rejected = ({ id }: OutgoingEvent, error: Problem): Rejected => ({ id, status: "rejected", error });

function parseResults(answer: unknown, count: number): unknown[] {
  const results = valueAt(answer, ["results"]);
  if (Array.isArray(results) && results.length === count) return results;
  throw new PublishError("The service's answer to a batch does not have one result per event");
}

/** Returns why an event of a batch was refused. */
function problemOf(result: unknown): Problem {
  const error = valueAt(result, ["error"]);
  return isProblem(error) ? error : { type: "about:blank", title: "The result is not valid", status: 400 };
}
