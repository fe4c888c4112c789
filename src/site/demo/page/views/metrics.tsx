import type { ChannelKind } from "../../../../protocol/names.ts";
import type { MetricName } from "../../../../telemetry/metrics.ts";
import { Chart } from "../components/chart.tsx";
import { Fact } from "../components/fact.tsx";
import { ShoppersSwitch } from "../components/shoppers.tsx";
import { hashOf } from "../router.ts";
import { latencies, POLL_MS, rates, type ServiceMetrics, useServiceMetrics } from "../service/metrics.ts";
import { type SampleLabels, total } from "../service/prometheus.ts";
import { useCredentials } from "../state/credentials.ts";

const NO_FIGURES = "No figures yet.";

/** The operator's view of the service, from the two endpoints that a monitoring system would poll. */
export function MetricsView() {
  const { key } = useCredentials();
  const metrics = useServiceMetrics(key);
  const { points, problem } = metrics;
  // Rates need two points.
  const noEvents = points.length < 2 ? NO_FIGURES : "No events in this time. Simulate shoppers to see some.";
  const times = points.map(({ at }) => at);
  const connections = (kind: ChannelKind) => points.map(({ scrape }) => total(scrape, "tidings_connections", { kind }));

  return (
    <>
      <div className="view-head">
        <h1>Metrics</h1>
        <ShoppersSwitch />
      </div>
      <p className="lead">
        <code>GET /metrics</code> and <code>GET /api/v1/ws/health</code>, polled every {POLL_MS / 1000} seconds while
        this view is open. Channels report their counters with a short delay.
      </p>
      {problem && (
        <p className="note" data-tone="warn">
          {problem.text} {problem.isAboutKey && <a href={hashOf("access")}>{key ? "Change the key" : "Add a key"}</a>}
        </p>
      )}
      <Tiles metrics={metrics} />
      <div className="charts">
        <Chart
          title="Connections"
          unit=""
          empty={points.length === 0 ? NO_FIGURES : "No listeners yet. Open the shop in another window."}
          isWhole
          times={times}
          series={[
            { label: "products", values: connections("products") },
            { label: "orders", values: connections("order") },
          ]}
        />
        <Chart
          title="Events per second"
          unit="/s"
          empty={noEvents}
          times={times}
          series={[
            { label: "published", values: rates(points, "tidings_events_published_total", { outcome: "applied" }) },
            { label: "delivered", values: rates(points, "tidings_deliveries_total") },
          ]}
        />
        <Chart
          title="Publish to send, last minute"
          unit=" ms"
          empty={noEvents}
          times={times}
          series={[
            { label: "p50", values: latencies(points, 0.5) },
            { label: "p95", values: latencies(points, 0.95) },
          ]}
        />
      </div>
    </>
  );
}

function Tiles({ metrics: { health, points } }: { metrics: ServiceMetrics }) {
  const scrape = points.at(-1)?.scrape;
  const counter = (name: MetricName, labels?: SampleLabels) =>
    scrape && total(scrape, name, labels).toLocaleString("en");
  return (
    <dl className="tiles">
      <Tile name="Service" value={health?.status} tone={health?.status === "healthy" ? "good" : "warn"} />
      <Tile name="Redis" value={health?.redis_status} />
      <Tile name="Connections" value={health?.total_connections} />
      <Tile name="Published" value={counter("tidings_events_published_total", { outcome: "applied" })} />
      <Tile name="Delivered" value={counter("tidings_deliveries_total")} />
      <Tile name="Resumed" value={counter("tidings_resumes_total", { outcome: "recovered" })} />
      <Tile name="Replayed events" value={counter("tidings_replayed_events_total")} />
      <Tile name="Rate limited" value={counter("tidings_rate_limited_total")} />
    </dl>
  );
}

function Tile(props: Parameters<typeof Fact>[0]) {
  return <Fact {...props} className="card tile" />;
}
