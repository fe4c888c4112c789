import type { Config } from "../config.ts";
import { type Position, parseClientMessage } from "../protocol/frames.ts";
import type { AcceptedEvent } from "../protocol/publish.ts";
import { REFUSALS } from "../protocol/refusals.ts";
import type { ConnectRequest } from "./attachment.ts";
import { History, type LoggedFrame } from "./history.ts";
import { Listeners } from "./listeners.ts";
import { Storage } from "./storage.ts";

/** What became of one event in its channel. */
export type Delivery =
  | { status: "applied" | "duplicate"; seq: number; receivers: number }
  | { status: "stale" }
  | { status: "conflict" };

/** What kinds of channel do differently when an event comes. */
export interface ChannelHooks {
  /** The version last applied to whatever the event is about, or null. */
  lastVersion(event: AcceptedEvent): number | null;
  /** The event was appended: keep what it says. Runs in the same transaction. */
  applied(event: AcceptedEvent): void;
  /** After the last event of a delivery, in the same transaction. */
  save(): void;
}

/** What both kinds of channel share: a log, the listeners, and the way of an event from one to the other. */
export class Channel {
  readonly storage: Storage;
  readonly history: History;
  readonly listeners: Listeners;

  /**
   * @param firstEpoch Names the epoch of a channel that has none yet.
   * @param onCount Told how many listeners there are whenever that changes.
   */
  constructor(ctx: DurableObjectState, config: Config, firstEpoch: () => string, onCount: (count: number) => void) {
    this.storage = new Storage(ctx.storage);
    this.history = new History(
      this.storage,
      { maxEvents: config.historyLimit, ttlMs: config.historyTtlMs },
      firstEpoch,
    );
    this.listeners = new Listeners(ctx, onCount);
  }

  /**
   * Makes a client a listener. Nothing between reading the log and joining the listeners waits for anything, so no
   * event can slip between what is replayed and what comes live.
   * @param established Writes the `data` of the first frame, besides the position.
   */
  connect({ listener, resume }: ConnectRequest, established: () => Record<string, unknown>, now: number): Response {
    const since = resume && /^\d{1,15}$/.test(resume.since) ? Number(resume.since) : -1;
    const missed = resume && this.history.readSince(resume.epoch, since, now);
    const position: Position = this.history.position;
    const first = {
      type: "connection_established",
      data: { ...established(), ...position, resumed: resume && missed !== null },
      ts: new Date(now).toISOString(),
    };
    return this.listeners.accept(listener, JSON.stringify(first), missed ?? []);
  }

  /**
   * Appends events and sends them. All of it is one transaction, and the runtime holds every frame and the answer
   * until it is durable (the output gate): no listener sees what a crash could undo.
   */
  deliver(events: AcceptedEvent[], hooks: ChannelHooks, now: number): Delivery[] {
    const frames: LoggedFrame[] = [];
    const deliveries = this.#inTransaction(() => {
      const results = events.map((event): Delivery => {
        const seen = this.history.find(event.id);
        if (seen !== undefined) {
          if (!this.history.isSameEvent(seen, event)) return { status: "conflict" };
          return { status: "duplicate", seq: seen, receivers: 0 };
        }
        const last = hooks.lastVersion(event);
        if (event.version !== null && last !== null && event.version <= last) return { status: "stale" };
        const frame = this.history.append(event, now);
        hooks.applied(event);
        frames.push(frame);
        return { status: "applied", seq: frame.seq, receivers: 0 };
      });
      if (frames.length > 0) hooks.save();
      return results;
    });
    const receivers = this.listeners.broadcast(frames, now);
    let sent = 0;
    for (const delivery of deliveries) if (delivery.status === "applied") delivery.receivers = receivers[sent++] ?? 0;
    return deliveries;
  }

  /** Takes a message from a client; one that the protocol does not have closes its socket, and no other. */
  message(socket: WebSocket, message: string | ArrayBuffer): void {
    const parsed = typeof message === "string" ? parseClientMessage(message) : null;
    if (!parsed || !this.listeners.filter(socket, parsed)) {
      this.listeners.close(socket, REFUSALS.protocol_error.close, REFUSALS.protocol_error.title);
    }
  }

  #inTransaction<T>(body: () => T): T {
    try {
      return this.storage.transaction(body);
    } catch (error) {
      this.history.forget();
      throw error;
    }
  }
}
