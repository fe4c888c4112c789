import { useEffect, useState } from "react";
import { isRecord } from "../../../../protocol/json.ts";
import { HEALTH_PATH } from "../../../../protocol/paths.ts";
import type { MetricName } from "../../../../telemetry/metrics.ts";
import { bucketsOf, parseMetrics, quantile, type SampleLabels, type Scrape, total } from "./prometheus.ts";
import { keyHeader } from "./publish.ts";

export const POLL_MS = 3000;
/** Ten minutes of points. */
const MAX_POINTS = (10 * 60_000) / POLL_MS;
/** Quantiles cover one minute of points. */
const QUANTILE_POINTS = 60_000 / POLL_MS;

interface MetricsPoint {
  /** Seconds since 1970. */
  at: number;
  scrape: Scrape;
}

interface HealthSummary {
  status: string;
  redis_status: string;
  total_connections: number;
}

export interface ServiceMetrics {
  points: readonly MetricsPoint[];
  health: HealthSummary | null;
  /** Why the last poll returned no metrics; null if it succeeded. */
  problem: MetricsProblem | null;
}

interface MetricsProblem {
  text: string;
  /** Whether another publish key would solve it. */
  isAboutKey: boolean;
}

const UNREACHABLE = { text: "The service is unreachable. The page keeps trying.", isAboutKey: false };

/** Polls the health and, with the publish key, the metrics of the service while the page is visible. */
export function useServiceMetrics(key: string): ServiceMetrics {
  const [metrics, setMetrics] = useState<ServiceMetrics>({ points: [], health: null, problem: null });
  useEffect(() => {
    const aborter = new AbortController();
    const poll = async () => {
      if (document.visibilityState === "hidden") return;
      const [health, point] = await Promise.all([
        loadHealth(aborter.signal).catch(() => null),
        key
          ? loadPoint(key, aborter.signal).catch(() => UNREACHABLE)
          : { text: "The charts need a publish key.", isAboutKey: true },
      ]);
      if (aborter.signal.aborted) return;
      setMetrics(({ points }) =>
        "text" in point
          ? { points, health, problem: point }
          : { points: [...points, point].slice(-MAX_POINTS), health, problem: null },
      );
    };
    void poll();
    const timer = setInterval(poll, POLL_MS);
    document.addEventListener("visibilitychange", poll);
    return () => {
      aborter.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", poll);
    };
  }, [key]);
  return metrics;
}

async function loadHealth(signal: AbortSignal): Promise<HealthSummary | null> {
  const health: unknown = await (await fetch(HEALTH_PATH, { signal })).json();
  if (!isRecord(health)) return null;
  const { status, redis_status, total_connections } = health;
  return { status: String(status), redis_status: String(redis_status), total_connections: Number(total_connections) };
}

/** Returns a point, or why there is none. */
async function loadPoint(key: string, signal: AbortSignal): Promise<MetricsPoint | MetricsProblem> {
  const response = await fetch("/metrics", { headers: keyHeader(key), signal });
  if (!response.ok) {
    const isAboutKey = response.status === 401 || response.status === 403;
    const next = isAboutKey ? "The service does not accept this publish key." : "The page keeps trying.";
    return { text: `GET /metrics returned ${response.status}. ${next}`, isAboutKey };
  }
  return { at: Date.now() / 1000, scrape: parseMetrics(await response.text()) };
}

/** Returns a counter's growth per second at each point. A counter that was reset counts as no growth. */
export function rates(points: readonly MetricsPoint[], name: MetricName, labels?: SampleLabels): (number | null)[] {
  return points.map(({ at, scrape }, i) => {
    const previous = points[i - 1];
    if (!previous) return null;
    const growth = total(scrape, name, labels) - total(previous.scrape, name, labels);
    return Math.max(0, growth) / (at - previous.at);
  });
}

/** Returns a quantile of the time from publish to send in the minute before each point, in milliseconds. */
export function latencies(points: readonly MetricsPoint[], q: number): (number | null)[] {
  return points.map((point, i) => {
    const start = points[Math.max(0, i - QUANTILE_POINTS)];
    const seconds = start && i > 0 ? quantile(q, latencyOf(start.scrape), latencyOf(point.scrape)) : null;
    return seconds === null ? null : seconds * 1000;
  });
}

const latencyOf = (scrape: Scrape) => bucketsOf(scrape, "tidings_publish_to_send_seconds");
