import type { Dialect } from "../client/dialects.ts";

/** What is measured: the service or a peer, behind one interface. */

export interface Target {
  url: string;
  /** The server's processes. */
  pids: number[];
  /** Creates a channel for `listeners` clients, each with its own credentials. */
  openChannel(listeners: number): Promise<BenchChannel>;
  stop(): Promise<void>;
}

export interface BenchChannel {
  /** The path of each listener's socket. */
  socketPaths: string[];
  /** What clients speak. Default: plain frames. */
  dialect?: Dialect;
  /** Whether the server numbers the events, so that they must arrive in that order, however they are published. */
  isOrdered?: boolean;
  /** Publishes the event with this `seq`. */
  publish(seq: number): Promise<unknown>;
  /** Publishes `count` events from this `seq` on, in the fastest way that the target has. Default: one by one. */
  burst?(first: number, count: number): Promise<unknown>;
  /** What clients speak to receive a burst in the fastest way. Default: `dialect`. */
  burstDialect?: Dialect;
  /**
   * How a client reconnects to receive what it missed; absent if the target cannot do that.
   * @param greeting The first message of its connection.
   * @param event The last event it received.
   */
  resume?(greeting: string, event: string): Resumption;
}

export interface Resumption {
  path: string;
  dialect?: Dialect;
  /** Whether the first message of the new connection says that the missed events follow. */
  isResumed(greeting: string): boolean;
}
