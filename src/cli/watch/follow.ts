import {
  type ClosedReason,
  type Connection,
  connectOrder,
  connectProducts,
  type Gap,
  type OrderEvent,
  type OrderSnapshot,
  type Position,
  type ProductEvent,
  type ProductsSnapshot,
  type RetryCause,
  type Status,
} from "../../sdk/index.ts";
import type { Report } from "./report.ts";

/** Retries sooner than a page would, because a person is watching. */
const TUNING = { firstBackoffMs: 500, maxBackoffMs: 10_000 };

export interface FollowTarget {
  url: string;
  /** Null for the products channel. */
  orderId: string | null;
  /** Null for all products. */
  productIds: string[] | null;
  /** Whether to receive only the newest stock level and price of each product among those sent together. */
  conflate: boolean;
  /** Where to resume; null to start with what happens from now on. */
  position: Position | null;
  getToken: () => Promise<string>;
}

type FollowEnd =
  | { type: "interrupted" }
  /** The connection is closed for good. */
  | { type: "closed"; reason: ClosedReason }
  /** No connection was live in time. `cause` is what went wrong last. */
  | { type: "no_connection"; cause: RetryCause | undefined };

export interface Followed {
  end: FollowEnd;
  /** Where to continue; null when there was neither a connection nor a start position. */
  position: Position | null;
  events: number;
  connections: number;
}

/** Follows a channel across reconnects until `signal` aborts, or the service refuses. */
export async function follow(target: FollowTarget, report: Report, signal: AbortSignal): Promise<Followed> {
  const { promise: ended, resolve: end } = Promise.withResolvers<FollowEnd>();
  const interrupt = () => end({ type: "interrupted" });
  signal.addEventListener("abort", interrupt, { once: true });
  if (signal.aborted) interrupt();

  const { url, orderId, productIds, conflate, position, getToken } = target;
  const counts = { events: 0, connections: 0 };
  let isLive = false;
  /** Events that are replayed after a reconnect. */
  let replay: { since: Position; count: number } | null = null;
  /** Not reported until the snapshot or event right after it, which shows what kind of gap it is. */
  let gap: Gap | null = null;
  const options = {
    url,
    position,
    getToken,
    tuning: TUNING,
    onGap(found: Gap) {
      gap = found;
    },
    onSnapshot(snapshot: OrderSnapshot | ProductsSnapshot) {
      report.connected(snapshot);
      if (gap) report.notRecovered(gap);
      gap = null;
      const since = connection.position;
      replay = snapshot.resumed && since ? { since, count: 0 } : null;
    },
    onEvent(event: OrderEvent | ProductEvent) {
      if (gap) report.missing(gap);
      gap = null;
      counts.events++;
      if (replay) replay.count++;
      report.event(event);
    },
    onStatus(status: Status) {
      const wasLive = isLive;
      isLive = status.state === "live";
      if (status.state === "closed") end({ type: "closed", reason: status.reason });
      else if (status.state === "connecting" && status.isStale) end({ type: "no_connection", cause: status.cause });
      else if (wasLive && !isLive) report.reconnecting();
      if (!isLive) return;
      if (!wasLive) counts.connections++;
      if (replay) report.recovered(productIds === null ? replay.count : null, replay.since);
      replay = null;
    },
  };
  const connection: Connection =
    orderId === null
      ? connectProducts({ ...options, conflate, ...(productIds && { productIds }) })
      : connectOrder(orderId, options);
  try {
    return { end: await ended, position: connection.position, ...counts };
  } finally {
    connection.close();
  }
}
