import { useMemo } from "react";
import { Chart } from "./chart.tsx";
import { credentials } from "./credentials.ts";
import { latencies, POLL_MS, type Polled, rates, useOperations } from "./operations-poll.ts";
import { total } from "./scrape.ts";
import { ShoppersSwitch } from "./shoppers.tsx";
import { useStore } from "./store.ts";
import { addressOf } from "./views.ts";

/** The service as whoever runs it sees it, from the two addresses that a monitoring system would ask. */
export function Operations() {
  const { key } = useStore(credentials);
  const polled = useOperations(key);
  const { points, trouble } = polled;
  const charts = useMemo(
    () => ({
      times: points.map(({ at }) => at),
      connections: [
        { label: "products", values: points.map(({ productsConnections }) => productsConnections) },
        { label: "orders", values: points.map(({ orderConnections }) => orderConnections) },
      ],
      events: [
        { label: "published", values: rates(points, ({ published }) => published) },
        { label: "delivered", values: rates(points, ({ deliveries }) => deliveries) },
      ],
      latency: [
        { label: "p50", values: latencies(points, 0.5) },
        { label: "p95", values: latencies(points, 0.95) },
      ],
    }),
    [points],
  );

  return (
    <>
      <div className="view-head">
        <h1>Operations</h1>
        <ShoppersSwitch />
      </div>
      <p className="lead">
        <code>GET /metrics</code> and <code>GET /api/v1/ws/health</code>, every {POLL_MS / 1000} seconds while you look.
        Channels report what they counted with a little delay.
      </p>
      {trouble && (
        <p className="note" data-tone="warn">
          {trouble} {key === "" && <a href={addressOf("access")}>Paste it</a>}
        </p>
      )}
      <Tiles polled={polled} />
      <div className="charts">
        <Chart title="Connections" unit="" isWhole times={charts.times} series={charts.connections} />
        <Chart title="Events a second" unit="/s" times={charts.times} series={charts.events} />
        <Chart title="Publish to send, last minute" unit=" ms" times={charts.times} series={charts.latency} />
      </div>
    </>
  );
}

function Tiles({ polled: { health, points } }: { polled: Polled }) {
  const scrape = points.at(-1)?.scrape;
  const counted = (...of: Parameters<typeof total> extends [unknown, ...infer Rest] ? Rest : never) =>
    scrape ? total(scrape, ...of).toLocaleString("en") : "—";
  return (
    <dl className="tiles">
      <Tile name="Service" value={health?.status ?? "—"} tone={health?.status === "healthy" ? "good" : "warn"} />
      <Tile name="Redis" value={health?.redis_status ?? "—"} />
      <Tile name="Connections" value={health ? String(health.total_connections) : "—"} />
      <Tile name="Published" value={counted("tidings_events_published_total", { outcome: "applied" })} />
      <Tile name="Delivered" value={counted("tidings_deliveries_total")} />
      <Tile name="Came back, recovered" value={counted("tidings_resumes_total", { outcome: "recovered" })} />
      <Tile name="Missed events replayed" value={counted("tidings_replayed_events_total")} />
      <Tile name="Refused by limits" value={counted("tidings_rate_limited_total")} />
    </dl>
  );
}

function Tile({ name, value, tone }: { name: string; value: string; tone?: string }) {
  return (
    <div className="card tile">
      <dt>{name}</dt>
      <dd data-fact={name} data-tone={tone}>
        {value}
      </dd>
    </div>
  );
}
