import { CLOSE_CODES } from "../../../protocol/close-codes.ts";
import { isCloseCode, retryOf } from "../../../protocol/close-rules.ts";
import type { OrderUpdates, ProductUpdates } from "../../../sdk/hooks/react.ts";
import { addressOf } from "./views.ts";

type Updates = OrderUpdates | ProductUpdates;

/** What a state means for who looks at the page. */
const TONES: Record<Updates["status"], "good" | "busy" | "bad" | "quiet"> = {
  idle: "quiet",
  connecting: "busy",
  live: "good",
  recovering: "busy",
  offline: "bad",
  closed: "bad",
};

export function StatusPill({ label, updates }: { label?: string; updates: Updates }) {
  const { status } = updates;
  return (
    <span className="pill" data-tone={TONES[status]} data-channel={label} data-status={status}>
      <i aria-hidden="true" />
      {label && <span className="pill-label">{label} </span>}
      <span className="pill-status">{status}</span>
    </span>
  );
}

/** Codes that are not the service's: of the protocol (RFC 6455) and of this page. */
const OTHER_CODES: Record<number, string> = {
  1000: "The SDK closed it: it was not needed any more.",
  1001: "The other end went away.",
  1005: "Closed without a code.",
  1006: "Gone without a word: the network failed, or the service was killed.",
};
const CLOSED_BY_US = 1000;
const RETRIES = {
  never: "The SDK stops here.",
  backoff: "The SDK comes back after a back-off.",
  now: "The SDK comes back at once, with jitter.",
};

/** A close code with what it means, what the SDK does about it and what people can do. */
export function CloseCodeNote({ code, wasDropped = false }: { code: number; wasDropped?: boolean }) {
  const meaning = isCloseCode(code) ? CLOSE_CODES[code].meaning : OTHER_CODES[code];
  const isOver = code === CLOSED_BY_US && !wasDropped;
  return (
    <>
      {wasDropped ? "This page broke the connection." : meaning} {!isOver && RETRIES[retryOf(code)]}
      {isCloseCode(code) && <> What to do: {prose(CLOSE_CODES[code].todo)}</>}
    </>
  );
}

/** The table's sentences are Markdown with code in them. */
function prose(text: string) {
  return text.split("`").map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part));
}

/** Says why a connection is over or what it cannot have; nothing while all is well. */
export function Trouble({ updates }: { updates: Updates }) {
  const { error, gap, isStale, reconnect } = updates as Updates & { reconnect(): void };
  if (error) {
    return (
      <div className="note" data-tone="bad" role="alert">
        <strong>
          Closed with {error.code}: {error.message || error.name}
        </strong>
        <p>
          <CloseCodeNote code={error.code} />
        </p>
        {error.userMustAct ? (
          <p>
            {error.message === "Token expired" ? "The token has run out. " : ""}
            <a href={addressOf("access")}>Paste another token</a>: <code>npx tidings token --subject alice</code> makes
            one.
          </p>
        ) : (
          <button type="button" onClick={reconnect}>
            Try again
          </button>
        )}
      </div>
    );
  }
  if (isStale) {
    return (
      <p className="note" data-tone="warn">
        Not connected for a while: what stands here may be old.
      </p>
    );
  }
  if (gap?.from) {
    return (
      <p className="note">
        Events up to {gap.to.seq} are beyond the history ({gap.from.epoch === gap.to.epoch ? "same" : "new"} epoch). A
        shop's page would load its state anew here (<code>onGap</code>).
      </p>
    );
  }
  return null;
}
