import { type Config, configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { parseClientMessage } from "../protocol/client-messages.ts";
import type { Position, TokenExpiringFrame } from "../protocol/frames.ts";
import type { ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import type { SocketRefusal } from "../protocol/refusals.ts";
import { logFault } from "../telemetry/log.ts";
import type { Kind } from "../telemetry/metrics.ts";
import { Alarm, MIN_GAIN_MS } from "./alarm.ts";
import { ChannelJournal, type ConnectionLimit } from "./channel-telemetry.ts";
import type { Usage } from "./contract.ts";
import { type ConnectRequest, refuseConnect } from "./handshake.ts";
import { dutiesOf } from "./listeners/due-actions.ts";
import { type Listener, newListener } from "./listeners/listener.ts";
import { changeFilter, Listeners } from "./listeners/listeners.ts";
import { takeMessage } from "./listeners/token-bucket.ts";
import { History, type LoggedFrame } from "./log/history.ts";
import { Storage } from "./storage.ts";

/** How long the next try at upkeep that failed waits. */
const UPKEEP_RETRY_MS = 60_000;

/** When the registry is told again that could not be told: until then its count is wrong, and nobody would ask for hours. */
const REPORT_RETRY_MS = 60_000;

/** What kinds of channel do differently. */
export interface ChannelHooks {
  kind: Kind;
  /** Tables besides those of every channel: each by name, with the statement that makes it. */
  moreTables: Record<string, string>;
  /** Whether its listeners may choose products. */
  hasProducts: boolean;
  /** Names the epoch of a channel that has none yet. */
  firstEpoch(): string;
  /** The `data` of a first frame, besides the position. */
  established(): Record<string, unknown>;
  /** Why somebody may not listen, or null. */
  refusalFor(listener: Listener): SocketRefusal | null;
  /** The version last applied to whatever the event is about, or null. */
  lastVersion(event: AcceptedEvent): number | null;
  /** Events to append before this one, because it changes more than it says. */
  before(event: AcceptedEvent): AcceptedEvent[];
  /** An event was appended: keep what it says. Runs in the same transaction. */
  applied(event: AcceptedEvent): void;
  /** After the last event of a delivery, in the same transaction. */
  save(): void;
  /** The transaction is kept, and nothing of it has been sent yet. */
  stored(): void;
  /** A transaction was undone: storage alone knows now. */
  forget(): void;
}

/** What both kinds of channel share: a log, the listeners, and the way of an event from one to the other. */
export class Channel {
  readonly storage: Storage;
  readonly history: History;
  readonly listeners: Listeners;
  readonly alarm: Alarm;
  readonly #ctx: DurableObjectState;
  readonly #name: ChannelName;
  readonly #config: Config;
  readonly #hooks: ChannelHooks;
  readonly #journal: ChannelJournal;

  constructor(ctx: DurableObjectState, env: Env, name: ChannelName, hooks: ChannelHooks) {
    const config = configOf(env);
    this.#ctx = ctx;
    this.#name = name;
    this.#config = config;
    this.#hooks = hooks;
    this.storage = new Storage(ctx.storage, hooks.moreTables);
    this.history = new History(
      this.storage,
      { maxEvents: config.historyLimit, ttlMs: config.historyTtlMs },
      hooks.firstEpoch,
    );
    this.#journal = new ChannelJournal(
      { ctx, env, name, kind: hooks.kind },
      () => this.listeners.count,
      (gapAt) => this.gap(gapAt, Date.now()),
      () => this.needAlarm(Date.now() + REPORT_RETRY_MS, Date.now()),
    );
    this.listeners = new Listeners(ctx, this.#journal, config.historyLimit);
    this.alarm = new Alarm(ctx.storage);
  }

  /**
   * Makes a client a listener. Nothing between reading the log and joining the listeners waits for anything, so no
   * event can slip between what is replayed and what comes live.
   */
  connect(request: ConnectRequest, now: number): Response {
    const { resume } = request;
    const listener = newListener(request, now);
    const limit = this.#reachedLimit(listener);
    if (limit) {
      this.#journal.limited(limit);
      return refuseConnect({ reason: "too_many_connections", isOwnerKnown: true });
    }
    const missed = resume && resume !== "invalid" ? this.history.readSince(resume.epoch, resume.seq, now) : null;
    const first = this.#establishedFrame(resume === null ? null : missed !== null, now);
    if (resume) this.#journal.resumed(missed);
    const { socket, response } = this.listeners.accept(listener, first, missed ?? [], now);
    this.#watch(socket, listener, now);
    return response;
  }

  /**
   * Appends events and sends them. All of it is one transaction, and the runtime holds every frame and the answer
   * until it is durable (the output gate): no listener sees what a crash could undo.
   * @param source null for events that the channel makes of itself.
   */
  deliver(events: AcceptedEvent[], source: Source | null, now: number): PublishOutcome[] {
    if (events.length === 0) return [];
    const frames: LoggedFrame[] = [];
    const deliveries = this.#inTransaction(() => {
      const results = events.map((event) => this.#append(event, frames, now));
      if (frames.length > 0) this.#hooks.save();
      return results;
    });
    this.#hooks.stored();
    const sent = this.#send(frames, deliveries, now);
    this.#journal.delivered(events, deliveries, sent, source, now);
    return deliveries;
  }

  /**
   * Takes a message from a client; one that the protocol does not have closes its socket, and no other. So does a fault,
   * as when the Worker that judges tokens is being deployed: a client that waits for an answer is told to come back.
   */
  async message(socket: WebSocket, text: string | ArrayBuffer, now: number): Promise<void> {
    try {
      await this.#take(socket, text, now);
    } catch (error) {
      logFault("message", error, { channel: this.#name });
      this.listeners.close(socket, "going_away");
    }
  }

  async #take(socket: WebSocket, text: string | ArrayBuffer, now: number): Promise<void> {
    const message = typeof text === "string" ? parseClientMessage(text) : null;
    const listener = this.listeners.get(socket);
    if (!listener) return;
    if (!message) return this.listeners.close(socket, "protocol_error");
    // Who answers a question has said nothing of its own.
    if (message.type === "ack" && this.listeners.confirmed(socket, message.seq)) return;
    const messageTokens = takeMessage(listener.messageTokens, now - listener.seenAt);
    if (messageTokens === null) {
      this.#journal.limited("client_messages");
      return this.listeners.close(socket, "rate_limited");
    }
    this.listeners.update(socket, { messageTokens, seenAt: now });
    if (message.type === "ack") return;
    if (message.type === "authenticate") return this.#authenticate(socket, message.token, now);
    const products = this.#hooks.hasProducts ? changeFilter(listener.products, message) : "too_many";
    if (products === "too_many") return this.listeners.close(socket, "protocol_error");
    this.listeners.update(socket, { products });
  }

  /**
   * Events may be missing that were on their way when something happened. Who listens is told where things stand now,
   * in a new epoch; who comes back with a position of the old one is told that it does not reach back.
   * @param gapAt When it was found, in milliseconds since 1970; an epoch that began after that knows nothing of it.
   */
  gap(gapAt: number, now: number): void {
    const isEmpty = !this.storage.exists && this.listeners.count === 0;
    if (isEmpty || gapAt <= this.history.since) return;
    this.history.renew(now);
    const frame = this.#establishedFrame(false, now);
    for (const { socket } of this.listeners.all()) this.listeners.control(socket, frame);
  }

  /** Closes the sockets of one user, or all when none is named. @returns How many. */
  disconnect(userId: string | null): number {
    return this.listeners.closeWhere(({ subject }) => userId === null || subject === userId, "disconnected");
  }

  /** What the platform bills of this object's storage, since it woke. */
  get usage(): Usage {
    const { read, written } = this.storage.rows;
    return { rowsRead: read, rowsWritten: written, alarmsSet: this.alarm.timesSet };
  }

  /** Removes every stored byte, the alarm included. */
  async erase(): Promise<void> {
    this.history.forget();
    this.alarm.forget();
    await this.storage.erase();
  }

  /**
   * The alarm rang. Whatever goes wrong is logged, and there is an alarm for another try.
   * @param duty What it rang for; sets the next alarm first of all.
   */
  async rung(duty: () => Promise<void>, now: number): Promise<void> {
    try {
      await duty();
    } catch (error) {
      logFault("upkeep", error, { channel: this.#name });
      await this.alarm.rang(now + UPKEEP_RETRY_MS, now);
    }
  }

  /**
   * What is due is done, and the alarm is set for what will be due next. It is set first, so that nothing that goes
   * wrong afterwards can leave the channel without one. For `rung`.
   * @param moreNext When something besides listeners and history will be due, in milliseconds since 1970.
   */
  async upkeep(moreNext: number, now: number): Promise<void> {
    const duties = [...this.listeners.all()].map(({ socket, listener, pingedAt }) => ({
      socket,
      listener,
      ...dutiesOf(listener, pingedAt, this.#config.idleTimeoutMs, now, MIN_GAIN_MS),
    }));
    const historyNext = this.history.expiresAt > now ? this.history.expiresAt : Number.POSITIVE_INFINITY;
    const next = duties.reduce((earliest, duty) => Math.min(earliest, duty.next), Math.min(moreNext, historyNext));
    await this.alarm.rang(next, now);
    for (const { socket, listener, due } of duties) {
      if (due === "close_expired") this.listeners.close(socket, "token_expired");
      if (due === "close_idle") this.listeners.close(socket, "no_sign_of_life");
      if (due === "warn") this.#warn(socket, listener);
    }
    this.history.dropExpired(now);
    this.#journal.tellUntold();
  }

  /** Sets the alarm when something needs it; nobody waits for that, and the output gate waits for it to be durable. */
  needAlarm(need: number, now: number, minGainMs?: number): void {
    if (!this.alarm.covers(need, now, minGainMs)) this.#ctx.waitUntil(this.alarm.need(need, now, minGainMs));
  }

  #inTransaction<T>(body: () => T): T {
    try {
      return this.storage.transaction(body);
    } catch (error) {
      this.history.forget();
      this.#hooks.forget();
      throw error;
    }
  }

  #establishedFrame(resumed: boolean | null, now: number): string {
    const position: Position = this.history.position;
    return JSON.stringify({
      type: "connection_established",
      data: { ...this.#hooks.established(), ...position, resumed },
      ts: new Date(now).toISOString(),
    });
  }

  #append(event: AcceptedEvent, frames: LoggedFrame[], now: number): PublishOutcome {
    const subject = { id: event.id, channel: event.channel };
    const seen = this.history.find(event.id);
    if (seen !== undefined) {
      if (!this.history.isSameEvent(seen, event)) return { ...subject, status: "conflict" };
      return { ...subject, status: "duplicate", seq: seen, receivers: 0 };
    }
    const last = this.#hooks.lastVersion(event);
    if (event.version !== null && last !== null && event.version <= last)
      return { ...subject, status: "stale", seq: null, receivers: 0 };
    for (const earlier of this.#hooks.before(event)) {
      frames.push(this.history.append(earlier, now));
      this.#hooks.applied(earlier);
    }
    const frame = this.history.append(event, now);
    this.#hooks.applied(event);
    frames.push(frame);
    return { ...subject, status: "applied", seq: frame.seq, receivers: 0 };
  }

  /** @returns How many events were sent, each listener's counted. */
  #send(frames: LoggedFrame[], deliveries: PublishOutcome[], now: number): number {
    if (frames.length === 0) return 0;
    const receivers = this.listeners.broadcast(frames, now);
    const bySeq = new Map(frames.map(({ seq }, i) => [seq, receivers[i] ?? 0]));
    for (const delivery of deliveries) {
      if (delivery.status === "applied") delivery.receivers = bySeq.get(Number(delivery.seq)) ?? 0;
    }
    this.needAlarm(this.history.expiresAt, now);
    return receivers.reduce((sum, count) => sum + count, 0);
  }

  /** The limit that a new listener would exceed, or null. */
  #reachedLimit({ subject }: Listener): ConnectionLimit | null {
    const { perUser, perChannel } = this.#config.connections;
    if (this.listeners.count >= perChannel) return "connections_per_channel";
    return this.listeners.countOf(subject) >= perUser ? "connections_per_user" : null;
  }

  #warn(socket: WebSocket, listener: Listener): void {
    this.listeners.update(socket, { isWarned: true });
    const data = { expires_at: new Date(listener.expiresAt).toISOString() };
    this.listeners.control(socket, JSON.stringify({ type: "token_expiring", data } satisfies TokenExpiringFrame));
  }

  /** A fresh token of the same subject extends the connection, when it may still listen. */
  async #authenticate(socket: WebSocket, token: string, now: number): Promise<void> {
    // The Worker's own entry point, because libraries for tokens belong to the edge. No object is awake for long for it.
    const verified = await this.#ctx.exports.TokenVerifier.verify(token);
    const listener = this.listeners.get(socket);
    if (!listener) return;
    if (!verified.ok) {
      this.#journal.tokenRefused(verified.reason);
      return this.listeners.close(socket, verified.refusal);
    }
    const { subject, isAdmin, expiresAt, orderId, ticketGeneration } = verified.identity;
    // A guest's next ticket has another subject, and is for the same order; a user and a guest never become each other.
    const isSame = orderId === listener.orderId && (orderId !== null || subject === listener.subject);
    if (!isSame) return this.listeners.close(socket, "token_invalid");
    this.listeners.update(socket, { subject, isAdmin, expiresAt, orderId, ticketGeneration, isWarned: false });
    const refusal = this.#hooks.refusalFor(listener);
    if (refusal) return this.listeners.close(socket, refusal);
    this.#watch(socket, listener, now);
  }

  /** Sees to it that what a listener's token will need is done in time. */
  #watch(socket: WebSocket, listener: Listener, now: number): void {
    const { due, next } = dutiesOf(listener, null, this.#config.idleTimeoutMs, now);
    if (due === "warn") this.#warn(socket, listener);
    // A warning that waits for an alarm a minute later would come after the token's end.
    this.needAlarm(next, now, listener.speaksV1 ? 0 : undefined);
  }
}
