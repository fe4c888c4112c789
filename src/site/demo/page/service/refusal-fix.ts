import type { HttpRefusal } from "../../../../protocol/refusals.ts";
import type { ServiceResponse } from "./publish.ts";

/** How to fix each refusal; backticks mark code. */
const FIXES: Record<HttpRefusal, string> = {
  unauthenticated: "Paste a token in Access.",
  token_invalid: "Paste a token signed with this service's `JWT_SECRET` or by its login service.",
  token_too_long: "Use a token with fewer claims.",
  token_expired: "Create a new token with `npx tidings token`, and paste it in Access.",
  invalid_order_id: "Use a UUID as the order id in Access.",
  order_not_found: "Register the order: `npx tidings order <order id> --user alice`.",
  access_denied: "Use a key or token that may do this; `PUBLISH_KEYS` lists each key's scopes.",
  rate_limited: "Wait a few seconds, then publish more slowly or in batches.",
  credentials_ambiguous: "Send one credential only.",
  key_invalid: "Paste one of the keys in `PUBLISH_KEYS` in Access, without its name.",
  not_found: "Check the path against the API reference.",
  method_not_allowed: "Check the method against the API reference.",
  upgrade_required: "Connect with a WebSocket.",
  unsupported_media_type: "Send `Content-Type: application/json`.",
  unsupported_encoding: "Send the body uncompressed.",
  body_too_large: "Send at most 64 KB per event.",
  malformed_json: "Correct the JSON.",
  validation_failed: "Correct these fields, then publish again.",
  id_conflict: "Use another id, or leave it empty. The same id is only for repeating the same event.",
  misconfigured: "The service's log names the settings to correct.",
  unavailable: "Try again in a few seconds.",
  internal_error: "Try again. If it happens again, look in the service's log for the request id.",
};

/** Returns what happened and what to do about it. `detail` is empty if nothing more is known about this case. */
export function refusalText({ status, body: { type, title, detail } }: ServiceResponse) {
  if (status === 0) {
    return {
      status: "No response",
      title: "The service is unreachable",
      detail: "",
      fix: "Check that it is running, then try again.",
    };
  }
  const reason = String(type).replace("urn:tidings:problem:", "");
  return {
    status: String(status),
    title: String(title ?? "Unexpected response"),
    detail: typeof detail === "string" ? detail : "",
    fix: isKnown(reason) ? FIXES[reason] : "Look in the service's log for this call.",
  };
}

const isKnown = (reason: string): reason is HttpRefusal => Object.hasOwn(FIXES, reason);
