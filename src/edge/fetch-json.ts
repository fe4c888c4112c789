import { parseJson } from "../protocol/json.ts";
import { readAtMost } from "./body.ts";

/** Bounds memory. The largest answer is a key set: up to 50 keys of several KB each, with their certificate chains. */
const MAX_BYTES = 256 * 1024;

/**
 * Fetches JSON. Follows no redirect: it could send the user's token to another host, or replace the document that
 * decides which tokens are valid.
 * @param what Names the response in errors.
 * @returns The status, and with 200 the content; undefined when that is not JSON.
 * @throws for more than `MAX_BYTES`, and when the request fails or times out, or its body cannot be read or cancelled.
 */
export async function fetchJson(
  url: string,
  what: string,
  init: { headers: Record<string, string>; signal: AbortSignal },
): Promise<{ status: number; json?: unknown }> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const { status } = response;
  if (status !== 200) {
    // An unread body would keep the connection open.
    await response.body?.cancel();
    return { status };
  }
  const bytes = await readAtMost(response.body, MAX_BYTES);
  if (bytes === null) throw new Error(`${what} is larger than ${MAX_BYTES} bytes`);
  return { status, json: parseJson(new TextDecoder().decode(bytes)) };
}

/** Fetches a JSON document of the login service, as `fetchJson` does. @throws for any status but 200. */
export async function fetchLoginDocument(url: string, what: string, signal: AbortSignal): Promise<unknown> {
  const headers = { Accept: "application/jwk-set+json, application/json" };
  const { status, json } = await fetchJson(url, what, { headers, signal });
  if (status !== 200) throw new Error(`fetching ${what} failed with status ${status}`);
  return json;
}
