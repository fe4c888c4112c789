import { startBareTarget, startHonoTarget, startNodeTarget } from "./peers.ts";
import { startOrdersTarget, startProductsTarget, startStreamTarget } from "./service.ts";

/** The service and its peers, behind one interface. */

export interface Target {
  url: string;
  /** The server processes. */
  pids: number[];
  /** Creates a channel for `listeners` clients, each with its own credentials. */
  openChannel(listeners: number): Promise<BenchChannel>;
  stop(): Promise<void>;
}

export interface BenchChannel {
  /** The path of each listener's socket. */
  socketPaths: string[];
  /** Publishes the event with this `seq`. */
  publish(seq: number): Promise<unknown>;
  /** Publishes `count` events from this `seq` on, in the fastest way that the target has. Default: one by one. */
  burst?(first: number, count: number): Promise<unknown>;
  /** The subprotocol that clients offer to receive a burst in the fastest way. */
  burstSubprotocol?: string;
}

/** Concurrent publishes to listeners. */
export const PUBLISHES_AT_ONCE = 4;

export const TARGETS = {
  bare: { title: "bare object", start: () => startBareTarget(false) },
  storing: { title: "bare, one row", start: () => startBareTarget(true) },
  hono: { title: "Hono, one row", start: startHonoTarget },
  node: { title: "Node ws, Redis", start: startNodeTarget },
  tidings: { title: "tidings", start: startOrdersTarget },
  products: { title: "tidings, products", start: startProductsTarget },
  stream: { title: "tidings, stream", start: startStreamTarget },
} as const;
export type TargetName = keyof typeof TARGETS;
