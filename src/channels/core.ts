import type { Config } from "../config/config.ts";
import type { ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent } from "../protocol/publish.ts";
import type { SocketRefusal } from "../protocol/refusals.ts";
import type { Kind } from "../telemetry/metrics.ts";
import type { Alarm } from "./alarm.ts";
import type { ChannelTelemetry } from "./channel-telemetry.ts";
import type { Identity } from "./contract.ts";
import type { Listener } from "./listeners/listener.ts";
import type { Listeners } from "./listeners/listeners.ts";
import type { EventLog } from "./log/event-log.ts";
import type { Storage } from "./storage.ts";

/** The parts of a channel object, which its verbs (`connect`, `deliver`, …) work on. */
export interface Core<S extends Subject = Subject> {
  readonly ctx: DurableObjectState;
  readonly config: Config;
  readonly name: ChannelName;
  readonly storage: Storage;
  readonly log: EventLog;
  readonly listeners: Listeners;
  readonly alarm: Alarm;
  readonly telemetry: ChannelTelemetry;
  readonly subject: S;
}

/** What a channel is about, an order or the products: the state that events change, and the rule of who may listen. */
export interface Subject {
  readonly kind: Kind;
  readonly hasProductFilter: boolean;

  /** Returns the `data` of a first frame, without the position. */
  describe(): Record<string, unknown>;
  /** Returns why a client may not listen, or null. */
  refusalFor(identity: Identity): SocketRefusal | null;
  /** Returns false for an order without an owner, which the shop's backend may know. */
  isOwnerKnown(): boolean;
  /** Returns when everything stored is to be erased, in milliseconds since 1970; Infinity for never. */
  retainedUntil(): number;

  /**
   * Applies an event to the state, as one step of a delivery.
   * @returns Events to append before it, for changes that it does not announce itself; `stale` when its version is too
   * old.
   */
  apply(event: AcceptedEvent, now: number): AcceptedEvent[] | "stale";
  /** Stores what the delivery changed; called within its transaction. */
  save(): void;
  /** Completes a stored delivery. Returns which listeners lose access through it, or null for none. */
  commit(): ((listener: Listener) => boolean) | null;
  /** Discards everything in memory after a failed delivery, because only storage is certain. */
  rollback(): void;
}
