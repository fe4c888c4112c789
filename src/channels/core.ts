import type { Config } from "../config/config.ts";
import type { Position } from "../protocol/frames.ts";
import type { ChannelKind, ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent } from "../protocol/publish.ts";
import type { SocketRefusal } from "../protocol/refusals.ts";
import type { ShardName } from "../protocol/shards.ts";
import type { Alarm } from "./alarm.ts";
import type { ChannelTelemetry } from "./channel-telemetry.ts";
import type { Identity } from "./contract.ts";
import type { Listener } from "./listeners/listener.ts";
import type { Listeners } from "./listeners/listeners.ts";
import type { EventLog } from "./log/event-log.ts";
import type { LoggedFrame } from "./log/log-event.ts";
import type { ProductChains } from "./log/product-chains.ts";
import type { Storage } from "./storage.ts";

/** The parts of an object with sockets, with or without a log of its own. Verbs such as `admit` work on them. */
export interface SocketCore {
  readonly ctx: DurableObjectState;
  readonly config: Config;
  readonly name: ChannelName | ShardName;
  readonly listeners: Listeners;
  readonly alarm: Alarm;
  readonly telemetry: ChannelTelemetry;
  readonly topic: Listenable;
  /** Returns the position up to which the listeners have been sent everything. */
  readonly position: () => Position;
  /**
   * Ensures that later events of these products arrive here.
   * @returns The position after which they do. A rejected promise closes the socket.
   */
  readonly cover: (socket: WebSocket, products: string[]) => Position | Promise<Position>;
}

/** The parts of a channel object, which its verbs (`connect`, `deliver`, …) work on. */
export interface Core<T extends Topic = Topic> extends SocketCore {
  /** The channel's listeners at other objects; null for a channel that serves all itself. */
  fanOut: FanOut | null;
  readonly name: ChannelName;
  readonly storage: Storage;
  readonly log: EventLog;
  readonly topic: T;
}

/** Passes events on to a channel's listeners at other objects. A publish does not wait for it. */
export interface FanOut {
  /** Passes on events that were appended. Returns how many other listeners each is for, as far as known; null for none. */
  published(frames: readonly LoggedFrame[], now: number): number[] | null;
  /** Called after a new epoch has started. @param former The epoch that has ended. */
  epochStarted(former: string, now: number): void;
  /** Retries what is pending. Returns when to try again, in milliseconds since 1970; Infinity for never. */
  maintain(now: number): Promise<number>;
}

/** The rule of who may listen, and what the first frame says. */
export interface Listenable {
  readonly kind: ChannelKind;

  /** Returns the `data` of a first frame, without the position. */
  describe(): Record<string, unknown>;
  /** Returns why a client may not listen, or null. */
  refusalFor(identity: Identity): SocketRefusal | null;
  /** Returns false for an order without an owner: the shop's backend may know one. */
  isRefusalFinal(): boolean;
}

/** What a channel is about, an order or the products: who may listen, and the state that events change. */
export interface Topic extends Listenable {
  /** Leads to each product's events in the log, for product filters; null for a channel without them. */
  readonly chains: ProductChains | null;

  /** Returns when it next needs maintenance, in milliseconds since 1970; Infinity for never. */
  dueAt(): number;
  /** Does what is due. Returns whether everything stored is to be erased. */
  maintain(now: number): "keep" | "erase";

  /** Applies an event to the state, as one step of a delivery; `stale` when it comes too late to change anything. */
  apply(event: AcceptedEvent, now: number): Applied | "stale";
  /** Stores what the delivery changed; called within its transaction. */
  save(): void;
  /** Completes a stored delivery. Returns which listeners it revokes, or null for none. */
  commit(): Revocation | null;
  /** Discards everything in memory after a failed delivery, because only storage is certain. */
  rollback(): void;
}

/** What an event does besides being appended. */
export interface Applied {
  /** Events to append first, for changes that the event itself does not announce. */
  corrections: AcceptedEvent[];
  /** Whether earlier events may no longer be replayed. */
  endsReplay: boolean;
}

/** Returns why a listener is closed, or null when it stays. */
export type Revocation = (listener: Listener) => SocketRefusal | null;
