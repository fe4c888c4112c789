import { isAccepted, type ServiceResponse } from "../service/publish.ts";
import { Fact } from "./fact.tsx";
import { RefusalNote } from "./refusal-note.tsx";

const OUTCOMES: Record<string, string> = {
  applied: "applied: stored and sent to the listeners",
  duplicate: "duplicate: this id was published before, so nothing is sent",
  stale: "stale: its version is not above the last one applied, or the order was deleted, so nothing is sent",
  queued: "queued: the channel is unreachable, so the event waits in Redis",
};

/** Shows the service's response to a publish. */
export function PublishResponse({ response }: { response: ServiceResponse }) {
  if (!isAccepted(response)) return <RefusalNote response={response} />;
  const { status, body } = response;
  const outcome = String(body.status);
  return (
    <div className="note" data-tone={outcome === "applied" ? "good" : "warn"} data-outcome={outcome}>
      <p>
        <strong>{status}</strong> {OUTCOMES[outcome] ?? outcome}
      </p>
      <dl className="facts">
        <Fact name="seq" value={asText(body.seq)} />
        <Fact name="receivers" value={asText(body.receivers)} />
      </dl>
    </div>
  );
}

const asText = (value: unknown) => (value === undefined || value === null ? null : String(value));
