import { useEffect, useState } from "react";
import { type Buckets, bucketsOf, parseMetrics, quantile, type Scrape, total } from "./scrape.ts";

/** How often the service is asked, while somebody looks. */
export const POLL_MS = 3000;
/** So many points the charts show: ten minutes. */
const MAX_POINTS = 200;
/** A quantile is of the last minute. */
const QUANTILE_POINTS = 20;

export interface Point {
  /** Seconds since 1970. */
  at: number;
  orderConnections: number;
  productsConnections: number;
  published: number;
  deliveries: number;
  latency: Buckets;
  scrape: Scrape;
}

export interface Health {
  status: string;
  redis_status: string;
  total_connections: number;
}

export interface Polled {
  points: readonly Point[];
  health: Health | null;
  /** Why there are no metrics; null when there are. */
  trouble: string | null;
}

/** Asks for health and, with the publish key, for the metrics, every few seconds while the page is looked at. */
export function useOperations(key: string): Polled {
  const [polled, setPolled] = useState<Polled>({ points: [], health: null, trouble: null });
  useEffect(() => {
    const aborter = new AbortController();
    const look = async () => {
      if (document.visibilityState === "hidden") return;
      const [health, point] = await Promise.all([
        loadHealth(aborter.signal).catch(() => null),
        key
          ? loadPoint(key, aborter.signal).catch((error: unknown) => String(error))
          : "The charts need the publish key.",
      ]);
      if (aborter.signal.aborted) return;
      setPolled(({ points }) =>
        typeof point === "string"
          ? { points, health, trouble: point }
          : { points: [...points, point].slice(-MAX_POINTS), health, trouble: null },
      );
    };
    void look();
    const timer = setInterval(look, POLL_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      aborter.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [key]);
  return polled;
}

async function loadHealth(signal: AbortSignal): Promise<Health> {
  return (await fetch("/api/v1/ws/health", { signal })).json();
}

async function loadPoint(key: string, signal: AbortSignal): Promise<Point | string> {
  const response = await fetch("/metrics", { headers: { Authorization: `Bearer ${key}` }, signal });
  if (!response.ok) return `GET /metrics was answered ${response.status}.`;
  const scrape = parseMetrics(await response.text());
  return {
    at: Date.now() / 1000,
    orderConnections: total(scrape, "tidings_connections", { kind: "order" }),
    productsConnections: total(scrape, "tidings_connections", { kind: "products" }),
    published: total(scrape, "tidings_events_published_total", { outcome: "applied" }),
    deliveries: total(scrape, "tidings_deliveries_total"),
    latency: bucketsOf(scrape, "tidings_publish_to_send_seconds"),
    scrape,
  };
}

/** A counter's growth a second between neighbouring points; one that went back began anew. */
export function rates(points: readonly Point[], of: (point: Point) => number): (number | null)[] {
  return points.map((point, i) => {
    const before = points[i - 1];
    return before ? Math.max(0, of(point) - of(before)) / (point.at - before.at) : null;
  });
}

/** In milliseconds, of the minute before each point. */
export function latencies(points: readonly Point[], q: number): (number | null)[] {
  return points.map((point, i) => {
    const before = points[Math.max(0, i - QUANTILE_POINTS)];
    const seconds = before && i > 0 ? quantile(q, before.latency, point.latency) : null;
    return seconds === null ? null : seconds * 1000;
  });
}
