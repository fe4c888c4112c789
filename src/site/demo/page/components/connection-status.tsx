import { CLOSE_CODES } from "../../../../protocol/close-codes.ts";
import { isCloseCode, retryOf } from "../../../../protocol/close-rules.ts";
import type { Controls, OrderUpdates, ProductUpdates } from "../../../../sdk/hooks/react.ts";
import { hashOf } from "../router.ts";
import { activeToken, useCredentials } from "../state/credentials.ts";
import { InlineCode } from "./inline-code.tsx";

type AnyUpdates = OrderUpdates | ProductUpdates;

const TONES: Record<AnyUpdates["state"], "good" | "busy" | "bad" | "quiet"> = {
  idle: "quiet",
  connecting: "busy",
  live: "good",
  recovering: "busy",
  offline: "bad",
  closed: "bad",
};

export function StatusPill({ label, updates }: { label?: string; updates: AnyUpdates }) {
  const { state } = updates;
  return (
    <span className="pill" data-tone={TONES[state]} data-channel={label} data-status={state}>
      <i aria-hidden="true" />
      {label && <span className="pill-label">{label} </span>}
      <span className="pill-status">{state}</span>
    </span>
  );
}

/** Shown in views that need a connection. Renders nothing if the visitor has a token. */
export function NoTokenNote() {
  if (activeToken(useCredentials())) return null;
  return (
    <p className="note" data-tone="warn">
      Not connected: this page has no token. <a href={hashOf("access")}>Add a token</a>, or open the demo address that{" "}
      <code>npm run dev</code> prints.
    </p>
  );
}

/** Close codes of the WebSocket protocol itself (RFC 6455, section 7.4.1). */
const PROTOCOL_CODES: Record<number, string> = {
  1000: "The SDK closed it because it was no longer needed.",
  1001: "The other end went away.",
  1005: "Closed without a code.",
  1006: "The connection was lost: the network failed or the service stopped.",
};
const CLOSED_BY_SDK = 1000;
const RETRIES = {
  never: "The SDK does not retry.",
  backoff: "The SDK retries after a back-off.",
  now: "The SDK reconnects right away, with jitter.",
};

/** Explains a close code: what it means, what the SDK does next, and how to fix the cause. */
export function CloseCodeText({ code, wasDropped = false }: { code: number; wasDropped?: boolean }) {
  const meaning = isCloseCode(code) ? CLOSE_CODES[code].meaning : PROTOCOL_CODES[code];
  const isFinished = code === CLOSED_BY_SDK && !wasDropped;
  return (
    <>
      {wasDropped ? "This page dropped the connection." : meaning} {!isFinished && RETRIES[retryOf(code)]}
      {isCloseCode(code) && (
        <>
          {" "}
          What to do: <InlineCode text={CLOSE_CODES[code].remedy} />
        </>
      )}
    </>
  );
}

/** Explains why a connection is closed, stale or incomplete. Renders nothing while all is well. */
export function ConnectionProblem({ updates }: { updates: AnyUpdates & Controls }) {
  const { error, gap, isStale, reconnect } = updates;
  if (error) {
    return (
      <div className="note" data-tone="bad" role="alert">
        <strong>
          Closed with {error.code}: {error.message || error.name}
        </strong>
        <p>
          <CloseCodeText code={error.code} />
        </p>
        {error.userMustAct ? (
          <p>
            <a href={hashOf("access")}>Paste a new token</a>. Create one with{" "}
            <code>npx tidings token --subject alice</code>.
          </p>
        ) : (
          <button type="button" onClick={reconnect}>
            Reconnect
          </button>
        )}
      </div>
    );
  }
  if (isStale) {
    return (
      <p className="note" data-tone="warn">
        Disconnected for a while. The data below may be out of date.
      </p>
    );
  }
  if (gap?.from) {
    return (
      <p className="note">
        The history no longer holds all events up to {gap.to.seq} ({gap.from.epoch === gap.to.epoch ? "same" : "new"}{" "}
        epoch). A real shop would reload its state here (<code>onGap</code>).
      </p>
    );
  }
  return null;
}
