import { parseJson } from "../protocol/json.ts";
import { readAtMost } from "./body.ts";

/** Bounds memory. The largest answer is a key set: up to 50 keys of several KB each, with their certificate chains. */
const MAX_BYTES = 256 * 1024;

/**
 * Fetches a JSON document of the login service. Follows no redirect, because the document decides which tokens are valid.
 * @param what Names the document in errors.
 * @returns undefined when it is not JSON.
 * @throws for any status but 200, redirects included, and for more than `MAX_BYTES`.
 */
export async function fetchJson(url: string, what: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, {
    headers: { Accept: "application/jwk-set+json, application/json" },
    redirect: "manual",
    signal,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`fetching ${what} failed with status ${response.status}`);
  }
  return readJsonResponse(response, what);
}

/**
 * Reads a response as JSON.
 * @param what Names the response in errors.
 * @returns undefined when it is not JSON.
 * @throws for more than `MAX_BYTES`, and when the response ends early.
 */
export async function readJsonResponse(response: Response, what: string): Promise<unknown> {
  const bytes = await readAtMost(response.body, MAX_BYTES);
  if (bytes === null) throw new Error(`${what} is larger than ${MAX_BYTES} bytes`);
  return parseJson(new TextDecoder().decode(bytes));
}
