import { COALESCED_MESSAGES_PER_SECOND } from "../../protocol/limits.ts";
import type { LoggedFrame } from "../log/log-event.ts";
import { FrameBatch } from "./frame-batch.ts";
import { takeToken } from "./token-bucket.ts";

/** Messages with events that a client is sent without delay: after a pause, a second's worth at once. */
const MESSAGE_RATE = { perSecond: COALESCED_MESSAGES_PER_SECOND, burst: COALESCED_MESSAGES_PER_SECOND };
/** How long later events wait, to be sent together. */
const MAX_WAIT_MS = 250;
/** Once this much is waiting, events are sent early: their messages are full. */
const MAX_WAITING_CHARACTERS = 256 * 1024;

/** The events in `(after, upTo]`, by `seq`. */
interface Range {
  after: number;
  upTo: number;
}

/**
 * Decides which events wait to share the next message to a `tidings.v1` client, and keeps each once for all clients. In
 * memory only: while any event waits, a timer keeps the object from hibernating.
 */
export class Coalescing<Socket extends object> {
  readonly #onDue: () => void;
  /** The tokens left to each socket, and when it last took one, in milliseconds since 1970. */
  readonly #buckets = new WeakMap<Socket, { tokens: number; at: number }>();
  /** Each waiting socket, and which of `#frames` are for it. */
  readonly #waiting = new Map<Socket, Range>();
  /** The waiting events by `seq`, unordered: a broadcast adds its events in each of its slices, and later ones may come between. */
  readonly #frames = new Map<number, LoggedFrame>();
  #characters = 0;
  #lastAdded: FrameBatch | null = null;
  /** All of `#frames` in order, made when needed. */
  #batch: FrameBatch | null = null;
  #hasTimer = false;

  /** @param onDue Called when the waiting sockets are due to be sent their events. */
  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** The sockets that wait. */
  get sockets(): Socket[] {
    return [...this.#waiting.keys()];
  }

  /** Whether so much is waiting that it should be sent now. */
  get isFull(): boolean {
    return this.#characters >= MAX_WAITING_CHARACTERS;
  }

  /**
   * Keeps a batch for later if earlier events already wait for the socket, or if it was sent many messages lately.
   * @param now Milliseconds since 1970.
   * @returns false when the batch is not kept: the caller sends it.
   */
  keeps(socket: Socket, batch: FrameBatch, now: number): boolean {
    const waiting = this.#waiting.get(socket);
    if (!waiting && this.#takeToken(socket, now)) return false;
    const after = waiting?.after ?? (batch.frames[0]?.seq ?? 0) - 1;
    this.#waiting.set(socket, { after, upTo: batch.frames.at(-1)?.seq ?? after });
    this.#add(batch);
    if (!this.#hasTimer) void this.#runTimer();
    return true;
  }

  /**
   * Ends a socket's wait.
   * @returns The waiting events, of which those in the range are for this socket; null when it was not waiting.
   */
  take(socket: Socket, now: number): ({ batch: FrameBatch } & Range) | null {
    const range = this.#waiting.get(socket);
    if (!range) return null;
    this.#takeToken(socket, now);
    const batch = this.#batch ?? new FrameBatch([...this.#frames.values()].sort((a, b) => a.seq - b.seq));
    this.#batch = batch;
    this.drop(socket);
    return { batch, ...range };
  }

  /** Ends a socket's wait without its events. */
  drop(socket: Socket): void {
    if (!this.#waiting.delete(socket) || this.#waiting.size > 0) return;
    this.#frames.clear();
    this.#characters = 0;
    this.#lastAdded = null;
    this.#batch = null;
  }

  #add(batch: FrameBatch): void {
    if (batch === this.#lastAdded) return;
    this.#lastAdded = batch;
    this.#batch = null;
    for (const frame of batch.frames) {
      if (!this.#frames.has(frame.seq)) this.#characters += frame.text.length;
      this.#frames.set(frame.seq, frame);
    }
  }

  #takeToken(socket: Socket, now: number): boolean {
    const bucket = this.#buckets.get(socket) ?? { tokens: MESSAGE_RATE.burst, at: now };
    const tokens = takeToken(bucket.tokens, now - bucket.at, MESSAGE_RATE);
    this.#buckets.set(socket, bucket);
    if (tokens !== null) Object.assign(bucket, { tokens, at: now });
    return tokens !== null;
  }

  async #runTimer(): Promise<void> {
    this.#hasTimer = true;
    await scheduler.wait(MAX_WAIT_MS);
    this.#hasTimer = false;
    this.#onDue();
  }
}
