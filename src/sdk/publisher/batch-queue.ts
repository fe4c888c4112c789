import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS } from "../../protocol/publish-call.ts";
import type { Problem } from "../../protocol/refusals.ts";
import type { OutgoingEvent, PublishAnswer, Rejected } from "./events.ts";
import { isPassingStatus, PublishError, refusalError, withIds } from "./publish-error.ts";
import { withRetries } from "./retry.ts";
import { isProblem, type ServiceCall } from "./service-call.ts";
import { eventJson, isAnswer } from "./wire.ts";

export interface BatchOptions {
  /** How many events make a call at most, 1 to 1,000. Default 100. */
  maxEvents?: number | undefined;
  /** How long an event waits for others at most, in milliseconds. Default 20. */
  maxDelayMs?: number | undefined;
}

const BATCH_PATH = "/api/v1/publish/batch";
const DEFAULT_MAX_EVENTS = 100;
const DEFAULT_MAX_DELAY_MS = 20;
const BODY_BYTES = '{"events":[]}'.length;

interface Waiting {
  event: OutgoingEvent;
  json: string;
  bytes: number;
  /** When it is given up, as `Date.now()` counts. */
  deadline: number;
  resolve(result: PublishAnswer | Rejected): void;
  reject(error: unknown): void;
}

/**
 * Events on their way to `/api/v1/publish/batch`. One call is under way at a time, and events go out in the order in
 * which they came: no try overtakes another one, so each channel keeps its order.
 */
export class BatchQueue {
  readonly #service: ServiceCall;
  readonly #limits: { maxTries: number; deadlineMs: number };
  readonly #maxEvents: number;
  readonly #maxDelayMs: number;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSending = false;

  constructor(service: ServiceCall, limits: { maxTries: number; deadlineMs: number }, batch: BatchOptions) {
    this.#service = service;
    this.#limits = limits;
    this.#maxEvents = Math.max(1, Math.min(batch.maxEvents ?? DEFAULT_MAX_EVENTS, MAX_BATCH_EVENTS));
    this.#maxDelayMs = batch.maxDelayMs ?? DEFAULT_MAX_DELAY_MS;
  }

  /** @returns What became of it. @throws {PublishError} when that is not known. */
  add(event: OutgoingEvent): Promise<PublishAnswer | Rejected> {
    const json = eventJson(event, true);
    const bytes = new TextEncoder().encode(json).length + 1;
    const { promise, resolve, reject } = Promise.withResolvers<PublishAnswer | Rejected>();
    const deadline = Date.now() + this.#limits.deadlineMs;
    this.#waiting.push({ event, json, bytes, deadline, resolve, reject });
    this.#bytes += bytes;
    const isFull = this.#waiting.length >= this.#maxEvents || this.#bytes >= MAX_BATCH_BYTES - BODY_BYTES;
    if (isFull) this.hurry();
    else this.#timer ??= setTimeout(() => this.hurry(), this.#maxDelayMs);
    return promise;
  }

  /** Sends what waits, now or after the call that is under way. */
  hurry(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) await this.#send(this.#take());
    this.#isSending = false;
  }

  /** The next call's events: as many as the limits allow, and one at least, about which the service may say no. */
  #take(): Waiting[] {
    let bytes = BODY_BYTES;
    let count = 0;
    for (const item of this.#waiting) {
      bytes += item.bytes;
      if (count > 0 && (count === this.#maxEvents || bytes > MAX_BATCH_BYTES)) break;
      count++;
    }
    const taken = this.#waiting.splice(0, count);
    this.#bytes = this.#waiting.reduce((sum, item) => sum + item.bytes, 0);
    return taken;
  }

  /** Sends events until each has its answer, those again whose channel was not reached. Never throws. */
  async #send(events: Waiting[]): Promise<void> {
    // The youngest has the most time; none is given up because an older one is.
    const deadline = events.at(-1)?.deadline ?? 0;
    let pending = events;
    let refusals = new Map<Waiting, Problem>();
    try {
      await withRetries(this.#limits.maxTries, deadline, async () => {
        refusals = new Map();
        const body = `{"events":[${pending.map(({ json }) => json).join(",")}]}`;
        const results = readResults(await this.#service.post(BATCH_PATH, body, deadline), pending.length);
        for (const [i, item] of pending.entries()) {
          const result = results[i];
          if (isAnswer(result)) item.resolve(result);
          else if (!isPassingStatus(problemOf(result).status)) item.resolve(rejected(item, problemOf(result)));
          else refusals.set(item, problemOf(result));
        }
        pending = [...refusals.keys()];
        const [first] = refusals.values();
        if (first) throw refusalError(first);
      });
    } catch (error) {
      for (const item of pending) {
        const refusal = refusals.get(item);
        if (refusal) item.resolve(rejected(item, refusal));
        else item.reject(error instanceof PublishError ? withIds(error, [item.event.id]) : error);
      }
    }
  }
}

const rejected = ({ event }: Waiting, error: Problem): Rejected => ({ id: event.id, status: "rejected", error });

function readResults(answer: unknown, count: number): unknown[] {
  const { results } = (typeof answer === "object" && answer !== null ? answer : {}) as { results?: unknown };
  if (Array.isArray(results) && results.length === count) return results;
  throw new PublishError("The service's answer to a batch has not one result an event");
}

/** Why an event of a batch was refused. */
function problemOf(result: unknown): Problem {
  const { error } = (typeof result === "object" && result !== null ? result : {}) as { error?: unknown };
  return isProblem(error) ? error : { type: "about:blank", title: "An answer that is none", status: 400 };
}
