import { type ChannelName, orderChannelName, PRODUCTS_CHANNEL } from "../../../../protocol/names.ts";
import type { Controls, OrderUpdates, ProductUpdates } from "../../../../sdk/hooks/react.ts";
import { CloseCodeText, ConnectionProblem, NoTokenNote, StatusPill } from "../components/connection-status.tsx";
import { formatTime } from "../components/event-text.ts";
import { Fact } from "../components/fact.tsx";
import { type ChannelLog, type ChannelLogView, formatPosition } from "../state/channel-log.ts";
import { useConnections } from "../state/connections.tsx";
import { useCredentials } from "../state/credentials.ts";
import type { DeliveryCounts } from "../state/delivery-counter.ts";
import { durationText } from "../state/round-trips.ts";
import { dropSockets, type SocketStats, socketStats, statsOf } from "../state/sockets.ts";
import { useStore } from "../state/store.ts";

/** The state of both connections, and buttons that break them. */
export function ConnectionsView() {
  const { order, products, orderLog, productsLog } = useConnections();
  // In lower case, as in the address of the SDK's socket.
  const orderId = useCredentials().order.toLowerCase();
  return (
    <>
      <h1>Connections</h1>
      <p className="lead">
        Drop a connection: the SDK reconnects with its position and receives the events it missed. The page verifies
        this with its own counters, based on <code>seq</code>.
      </p>
      <NoTokenNote />
      <div className="connections">
        <ConnectionCard name="Products" channel={PRODUCTS_CHANNEL} updates={products} log={productsLog} />
        {orderId && <ConnectionCard name="Order" channel={orderChannelName(orderId)} updates={order} log={orderLog} />}
      </div>
    </>
  );
}

interface ConnectionCardProps {
  name: string;
  channel: ChannelName;
  updates: (OrderUpdates | ProductUpdates) & Controls;
  log: ChannelLog;
}

function ConnectionCard({ name, channel, updates, log }: ConnectionCardProps) {
  const stats = statsOf(useStore(socketStats), channel);
  const { position, counts, isLastEventLive, wasInterrupted, statusChanges } = useStore(log);
  const { isConnected, recovered, lagMs, state, reconnect } = updates;
  const heading = `connection-${name}`;
  return (
    <section className="card connection" aria-labelledby={heading} data-connection={name}>
      <div className="view-head">
        <h2 id={heading}>{name}</h2>
        <StatusPill updates={updates} />
      </div>
      <DeliveryCountsRow counts={counts} />
      <dl className="facts">
        <Fact name="Position" value={formatPosition(position)} />
        <Fact name="Recovered" value={isConnected ? recoveryText(wasInterrupted, recovered) : null} />
        <Fact name="Lag" value={lagMs === null || !isLastEventLive ? null : durationText(Math.max(0, lagMs))} />
        <Fact name="Attempts" value={stats.attempts} />
        <Fact name="Messages" value={stats.messages} />
        <Fact name="Open since" value={isConnected && stats.openedAt ? formatTime(stats.openedAt) : null} />
      </dl>
      <LastClose lastClose={stats.lastClose} isExplained={updates.error === null} />
      <ConnectionProblem updates={updates} />
      <p className="row">
        <button type="button" onClick={() => dropSockets(channel)} disabled={!isConnected}>
          Drop connection
        </button>
        <button type="button" onClick={reconnect} disabled={isConnected || state === "idle"}>
          Reconnect now
        </button>
      </p>
      <StatusHistory changes={statusChanges} />
    </section>
  );
}

function recoveryText(wasInterrupted: boolean, recovered: boolean): string {
  if (!wasInterrupted) return "not needed";
  return recovered ? "yes" : "no";
}

/** Received and expected events: shows whether any is missing or arrived twice. */
function DeliveryCountsRow({ counts: { received, expected, missed, duplicates } }: { counts: DeliveryCounts }) {
  return (
    <dl className="counts" data-counts={`${received}/${expected}/${missed}/${duplicates}`}>
      <Fact name="Received" value={received} />
      <Fact name="Expected" value={expected} />
      <Fact name="Missed" value={missed} tone={missed === 0 ? "good" : "warn"} />
      <Fact name="Duplicates" value={duplicates} tone={duplicates === 0 ? "good" : "bad"} />
    </dl>
  );
}

/** @param isExplained Whether to explain the code; a final close has a note of its own. */
function LastClose({ lastClose, isExplained }: Pick<SocketStats, "lastClose"> & { isExplained: boolean }) {
  return (
    <p className="last-close">
      <strong>Last close: {lastClose ? lastClose.code : "none"}</strong>{" "}
      {lastClose && (
        <>
          at {formatTime(lastClose.at)}. {lastClose.reason && `“${lastClose.reason}”. `}
          {isExplained && <CloseCodeText code={lastClose.code} wasDropped={lastClose.wasDropped} />}
        </>
      )}
    </p>
  );
}

function StatusHistory({ changes }: { changes: ChannelLogView["statusChanges"] }) {
  return (
    <details>
      <summary>Status history</summary>
      <ol className="feed">
        {changes.map(({ status, at, number, isReconnect }) => (
          <li key={number}>
            <span>
              {status.state}
              {isReconnect && status.state === "live" && status.recovered && ", missed events recovered"}
              {status.isStale && ", stale"}
            </span>
            <time dateTime={at.toISOString()}>{formatTime(at)}</time>
          </li>
        ))}
      </ol>
    </details>
  );
}
