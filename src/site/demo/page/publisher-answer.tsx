import type { Answer } from "./publish.ts";

const OUTCOMES: Record<string, string> = {
  applied: "applied: it is on the disk, and on its way",
  duplicate: "duplicate: this id is known, nothing is sent again",
  stale: "stale: a later version was there before, nothing is sent",
  queued: "queued: its channel cannot be reached now, so it waits in Redis",
};

/** What the service said to a publish. */
export function AnswerNote({ answer: { status, body } }: { answer: Answer }) {
  if (status >= 200 && status < 300) {
    const outcome = String(body.status);
    return (
      <div className="note" data-tone={outcome === "applied" ? "good" : "warn"} data-outcome={outcome}>
        <p>
          <strong>{status}</strong> {OUTCOMES[outcome] ?? outcome}
        </p>
        <dl className="facts">
          <div>
            <dt>seq</dt>
            <dd>{String(body.seq ?? "—")}</dd>
          </div>
          <div>
            <dt>receivers</dt>
            <dd>{String(body.receivers ?? "—")}</dd>
          </div>
        </dl>
      </div>
    );
  }
  return (
    <div className="note" data-tone="bad" data-outcome="refused">
      <p>
        <strong>{status || "No answer"}</strong> {String(body.title ?? "")}
      </p>
      {body.errors && (
        <ul>
          {body.errors.map(({ field, message }) => (
            <li key={field}>
              <code>{field}</code> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
