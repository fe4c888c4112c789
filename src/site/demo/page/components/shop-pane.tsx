import type { ReactNode } from "react";
import { hashOf } from "../router.ts";
import { type EventDraft, isAccepted, type ServiceResponse } from "../service/publish.ts";
import type { MeasuredCall } from "../state/publisher.ts";
import { durationText } from "../state/round-trips.ts";
import { CodeTabs } from "./code-tabs.tsx";
import { RefusalNote } from "./refusal-note.tsx";

interface ShopPaneProps {
  /** What the visitor must add in Access before the buttons work; null if nothing is missing. */
  missing: string | null;
  /** The buttons. */
  children: ReactNode;
  lastCall: MeasuredCall | undefined;
  /** The response to explain; null if the service accepted the last call. */
  refusal: ServiceResponse | null;
  /** The event in the code tabs until something has been published. */
  example: EventDraft;
}

/** The shop's side: a pane whose buttons publish. */
export function ShopPane({ missing, children, lastCall, refusal, example }: ShopPaneProps) {
  return (
    <section className="card pane" aria-labelledby="shop-floor">
      <div className="view-head">
        <h2 id="shop-floor">Shop floor</h2>
        <span className="pane-role">over HTTP</span>
      </div>
      {missing !== null && (
        <p className="note" data-tone="warn">
          Publishing needs {missing}. <a href={hashOf("access")}>Add credentials</a>
        </p>
      )}
      {children}
      <LastCall call={lastCall} />
      {refusal && <RefusalNote response={refusal} />}
      <details className="code">
        <summary>The call behind a button</summary>
        <CodeTabs draft={lastCall?.draft ?? example} />
      </details>
    </section>
  );
}

/** The service's answer to the last call, in one line. */
function LastCall({ call }: { call: MeasuredCall | undefined }) {
  if (!call) return <p className="last-call muted">Nothing published yet. Each button makes one HTTP call.</p>;
  const { draft, response, tookMs } = call;
  return (
    <p className="last-call">
      <code>{draft.type}</code>{" "}
      {isAccepted(response) ? (
        <>
          {String(response.body.status)} <span className="muted">in {durationText(tookMs)}</span>
        </>
      ) : (
        "refused"
      )}
    </p>
  );
}
