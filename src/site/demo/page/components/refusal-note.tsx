import { isRecord } from "../../../../protocol/json.ts";
import type { ServiceResponse } from "../service/publish.ts";
import { refusalText } from "../service/refusal-fix.ts";
import { InlineCode } from "./inline-code.tsx";

/** A refusal of the service: what happened, which fields caused it, and how to fix it. */
export function RefusalNote({ response }: { response: ServiceResponse }) {
  const { status, title, detail, fix } = refusalText(response);
  const { errors } = response.body;
  return (
    <div className="note refusal" data-tone="bad" data-outcome="rejected" role="alert">
      <p>
        <strong>
          {status}: {title}.
        </strong>{" "}
        <InlineCode text={detail} />
      </p>
      {Array.isArray(errors) && (
        <ul>
          {errors.filter(isRecord).map(({ field, message }) => (
            <li key={String(field)}>
              <code>{String(field)}</code> {String(message)}
            </li>
          ))}
        </ul>
      )}
      <p>
        To fix it: <InlineCode text={fix} />
      </p>
    </div>
  );
}
