import { useEffect, useEffectEvent, useRef, useState } from "react";
import type { ChannelLogView } from "../state/channel-log.ts";
import { durationText, pageTime, type RoundTrip, tripMs } from "../state/round-trips.ts";
import { useWidth } from "./use-width.ts";

/**
 * A timeline that moves to the left; its right edge is now. A dot above is an event that the shop floor published, and
 * a dot below its arrival: the slower the delivery, the more the line between them leans. The bar in the middle is the
 * connection.
 */

const LANES_HEIGHT_PX = 196;
const LANE = { shop: 44, connection: 88, customer: 132 };
const BAR_PX = 6;
const MIN_PX_PER_SECOND = 28;
const MIN_SECONDS = 8;
const MAX_SECONDS = 24;
/** How long events stay beyond the left edge, until their lines and labels are out of sight, too. */
const MARGIN_SECONDS = 2;
/** Far beyond the right edge: the current state of the connection has no end yet. */
const BEYOND_EDGE_PX = 1e6;
/** The right edge is "now"; a dot must not be cut in half there. */
const NOW_INSET_PX = 14;
/** Labels closer than this to the one before are left out. */
const LABEL_PX = 52;
/** How often the timeline moves for visitors who prefer reduced motion. */
const CALM_INTERVAL_MS = 1000;

interface TimelineProps {
  trips: readonly RoundTrip[];
  statusChanges: ChannelLogView["statusChanges"];
}

export function Timeline({ trips, statusChanges }: TimelineProps) {
  const frame = useRef<HTMLDivElement>(null);
  const moving = useRef<SVGGElement>(null);
  const [start] = useState(pageTime);
  const width = useWidth(frame);
  const seconds = Math.min(MAX_SECONDS, Math.max(MIN_SECONDS, Math.floor(width / MIN_PX_PER_SECOND)));
  const pxPerMs = width / seconds / 1000;
  const x = (time: number) => (time - start) * pxPerMs;
  useMovement(moving, (now) => width - NOW_INSET_PX - x(now));

  const oldest = pageTime() - (seconds + MARGIN_SECONDS) * 1000;
  const shown = trips.filter(({ publishedAt, receivedAt }) => (receivedAt ?? publishedAt ?? 0) > oldest);
  return (
    <figure className="timeline">
      <div className="lanes" ref={frame}>
        <span className="lane-name" data-lane="shop">
          Shop floor publishes
        </span>
        <span className="lane-name" data-lane="customer">
          Customer sees
        </span>
        {shown.length === 0 && <p className="lanes-empty">Events appear here as they happen.</p>}
        <svg
          height={LANES_HEIGHT_PX}
          width={width}
          role="img"
          aria-label="Events published and received in the last seconds"
        >
          <line className="lane" x1={0} x2={width} y1={LANE.shop} y2={LANE.shop} />
          <line className="lane" x1={0} x2={width} y1={LANE.customer} y2={LANE.customer} />
          <g ref={moving}>
            <ConnectionBar changes={statusChanges} x={x} />
            {[...shown].sort(recoveredLast).map((trip) => (
              <Trip key={trip.id} trip={trip} x={x} />
            ))}
            <Labels trips={shown} x={x} />
          </g>
        </svg>
      </div>
      <figcaption>
        <span>{seconds} s ago</span>
        <ul className="legend">
          <li data-mark="live">arrived live</li>
          <li data-mark="recovered">recovered</li>
          <li data-mark="down">disconnected</li>
        </ul>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

/** Recovered events are drawn over the live ones that arrive at the same moment. */
const recoveredLast = (one: RoundTrip, other: RoundTrip) => Number(one.isRecovered) - Number(other.isRecovered);

type Scale = (time: number) => number;

function Trip({ trip: { publishedAt, receivedAt, isRecovered }, x }: { trip: RoundTrip; x: Scale }) {
  const kind = receivedAt === null ? "waiting" : isRecovered ? "recovered" : "live";
  return (
    <g className="trip" data-kind={kind}>
      {publishedAt !== null && (
        <line
          x1={x(publishedAt)}
          y1={LANE.shop}
          x2={x(receivedAt ?? publishedAt)}
          y2={receivedAt === null ? LANE.connection - BAR_PX - 4 : LANE.customer}
        />
      )}
      {publishedAt !== null && <circle className="published" cx={x(publishedAt)} cy={LANE.shop} r={5} />}
      {receivedAt !== null && <circle className="received" cx={x(receivedAt)} cy={LANE.customer} r={5.5} />}
    </g>
  );
}

/** Labels arrivals with their durations where there is room, and each group of recovered events with its count. */
function Labels({ trips, x }: { trips: readonly RoundTrip[]; x: Scale }) {
  const labels: { key: string; at: number; text: string; count: number; kind: string }[] = [];
  for (const trip of trips) {
    const ms = tripMs(trip);
    if (trip.receivedAt === null || ms === null) continue;
    const at = x(trip.receivedAt);
    const last = labels.at(-1);
    const kind = trip.isRecovered ? "recovered" : "live";
    if (last && at - last.at < LABEL_PX) {
      if (trip.isRecovered && last.kind === kind) last.count++;
      continue;
    }
    labels.push({ key: trip.id, at, text: durationText(ms), count: 1, kind });
  }
  return labels.map(({ key, at, text, count, kind }) => (
    <text key={key} className="trip-label" data-kind={kind} x={at} y={LANE.customer + 22} textAnchor="middle">
      {kind === "recovered" ? `+${count}` : text}
    </text>
  ));
}

function ConnectionBar({ changes, x }: { changes: TimelineProps["statusChanges"]; x: Scale }) {
  return changes.map(({ status, pageTime: time, number }, i) => {
    const from = x(time);
    const next = changes[i - 1];
    const to = next ? x(next.pageTime) : from + BEYOND_EDGE_PX;
    return (
      <rect
        key={number}
        className="connection-bar"
        data-state={status.state}
        x={from}
        y={LANE.connection - BAR_PX / 2}
        width={Math.max(0, to - from)}
        height={BAR_PX}
        rx={2}
      />
    );
  });
}

/** Moves a group with time, outside React: one attribute per frame, and nothing while the page is hidden. */
function useMovement(group: React.RefObject<SVGGElement | null>, offset: (now: number) => number): void {
  const move = useEffectEvent(() =>
    group.current?.setAttribute("transform", `translate(${offset(pageTime()).toFixed(1)})`),
  );
  useEffect(() => move());
  useEffect(() => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      const timer = setInterval(move, CALM_INTERVAL_MS);
      return () => clearInterval(timer);
    }
    let request = requestAnimationFrame(function next() {
      move();
      request = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(request);
  }, []);
}
