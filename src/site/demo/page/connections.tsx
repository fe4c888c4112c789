import type { Controls, OrderUpdates, ProductUpdates } from "../../../sdk/hooks/react.ts";
import type { Position } from "../../../sdk/index.ts";
import type { ChannelLog } from "./channel-log.ts";
import { credentials, tokenOf } from "./credentials.ts";
import { timeText } from "./describe.ts";
import { Drill } from "./drill.tsx";
import type { Counts } from "./ledger.ts";
import { useLive } from "./live.tsx";
import { NoToken } from "./shop-board.tsx";
import { dropSockets, sockets, storyOf } from "./sockets.ts";
import { CloseCodeNote, StatusPill, Trouble } from "./status.tsx";
import { useStore } from "./store.ts";

/** What the two connections go through, and buttons that make them go through more. */
export function Connections() {
  const { order, products, orderLog, productsLog } = useLive();
  const held = useStore(credentials);
  return (
    <>
      <h1>Connections</h1>
      <p className="lead">
        Break them: the SDK comes back with its position, and gets what happened meanwhile. The counters are this page's
        own, by <code>seq</code>.
      </p>
      {!tokenOf(held) && <NoToken />}
      <Drill />
      <div className="connections">
        <ConnectionCard name="Products" channel="products" updates={products} log={productsLog} />
        {held.order && (
          <ConnectionCard name="Order" channel={`order_${held.order.toLowerCase()}`} updates={order} log={orderLog} />
        )}
      </div>
    </>
  );
}

interface CardProps {
  name: string;
  channel: string;
  updates: (OrderUpdates | ProductUpdates) & Controls;
  log: ChannelLog;
}

function ConnectionCard({ name, channel, updates, log }: CardProps) {
  const story = storyOf(useStore(sockets), channel);
  const { position, counts, changes } = useStore(log);
  const { lastClose } = story;
  const heading = `connection-${name}`;
  return (
    <section className="card connection" aria-labelledby={heading} data-connection={name}>
      <div className="view-head">
        <h2 id={heading}>{name}</h2>
        <StatusPill updates={updates} />
      </div>
      <CountsRow counts={counts} />
      <dl className="facts">
        <Row name="Position" value={positionText(position)} />
        <Row name="Recovered" value={updates.isConnected ? (updates.recovered ? "yes" : "not needed") : "—"} />
        <Row name="Lag" value={updates.lagMs === null ? "—" : `${Math.round(updates.lagMs)} ms`} />
        <Row name="Attempts" value={story.attempts} />
        <Row name="Messages" value={story.messages} />
        <Row name="Open since" value={story.openedAt ? timeText(story.openedAt) : "—"} />
      </dl>
      <p className="last-close">
        <strong>Last close: {lastClose ? lastClose.code : "none"}</strong>{" "}
        {lastClose && (
          <>
            at {timeText(lastClose.at)}. {lastClose.reason && `“${lastClose.reason}”. `}
            <CloseCodeNote code={lastClose.code} wasDropped={lastClose.wasDropped} />
          </>
        )}
      </p>
      <Trouble updates={updates} />
      <p className="row">
        <button type="button" onClick={() => dropSockets(channel)} disabled={!updates.isConnected}>
          Drop the connection
        </button>
        <button type="button" onClick={updates.reconnect} disabled={updates.isConnected || updates.status === "idle"}>
          Reconnect now
        </button>
      </p>
      <details>
        <summary>What it went through</summary>
        <ol className="feed">
          {changes.map(({ status, at, count }) => (
            <li key={count}>
              <span>
                {status.state}
                {status.state === "live" && status.recovered && ", all that was missed has come"}
                {status.isStale && ", stale"}
              </span>
              <time dateTime={at.toISOString()}>{timeText(at)}</time>
            </li>
          ))}
        </ol>
      </details>
    </section>
  );
}

/** Received against expected: the proof that nothing is missing and nothing came twice. */
export function CountsRow({ counts: { received, expected, missed, twice } }: { counts: Counts }) {
  return (
    <dl className="counts" data-counts={`${received}/${expected}/${missed}/${twice}`}>
      <Row name="Received" value={received} />
      <Row name="Expected" value={expected} />
      <Row name="Missed" value={missed} tone={missed === 0 ? "good" : "warn"} />
      <Row name="Twice" value={twice} tone={twice === 0 ? "good" : "bad"} />
    </dl>
  );
}

function Row({ name, value, tone }: { name: string; value: string | number; tone?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-fact={name} data-tone={tone}>
        {value}
      </dd>
    </div>
  );
}

const positionText = (position: Position | null) => (position === null ? "—" : `${position.epoch} : ${position.seq}`);
