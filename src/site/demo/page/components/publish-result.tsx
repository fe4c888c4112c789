import { isRecord } from "../../../../protocol/json.ts";
import type { ServiceResponse } from "../service/publish.ts";
import { Fact } from "./fact.tsx";

const OUTCOMES: Record<string, string> = {
  applied: "applied: stored and sent to the listeners",
  duplicate: "duplicate: this id was published before, so nothing is sent",
  stale: "stale: a later version was published before, so nothing is sent",
  queued: "queued: the channel is unreachable, so the event waits in Redis",
};

/** Shows the service's response to a publish. */
export function PublishResponse({ response: { status, body } }: { response: ServiceResponse }) {
  if (status >= 200 && status < 300) {
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
  return (
    <div className="note" data-tone="bad" data-outcome="rejected">
      <p>
        <strong>{status || "No response"}</strong> {asText(body.title)}
      </p>
      {Array.isArray(body.errors) && (
        <ul>
          {body.errors.filter(isRecord).map(({ field, message }) => (
            <li key={asText(field)}>
              <code>{asText(field)}</code> {asText(message)}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

const asText = (value: unknown) => (value === undefined || value === null ? null : String(value));
