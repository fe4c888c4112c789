import type { MeasuredCall } from "../state/publisher.ts";
import { durationText } from "../state/round-trips.ts";
import { isAccepted } from "./publish-result.tsx";

/** The service's answer to the last call, in one line. */
export function LastCall({ call }: { call: MeasuredCall | undefined }) {
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
        <>refused</>
      )}
    </p>
  );
}
