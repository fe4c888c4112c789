import { parseJson } from "../../protocol/json.ts";
import { isTransientStatus, PublishError, refusalError } from "./publish-error.ts";
import { parseRetryAfter } from "./retry.ts";
import { untilDeadline } from "./until-deadline.ts";
import { isProblem } from "./wire.ts";

export interface ServiceOptions {
  /** The service, for example `https://tidings.example.workers.dev`. `undefined`, as from an unset variable, throws. */
  url: string | undefined;
  /** One of the service's `PUBLISH_KEYS`, without its name. For servers only. `undefined` throws, too. */
  key: string | undefined;
  /** The maximum duration of one attempt, in milliseconds. Default 15,000. */
  timeoutMs?: number | undefined;
  /**
   * Adds headers, or replaces the publisher's own. Called for each attempt; if it fails or times out, so does the attempt.
   */
  headers?: ((request: PublishRequest) => Record<string, string> | Promise<Record<string, string>>) | undefined;
  /** Sends the requests. Default `fetch`; in a Worker, a service binding: `(...args) => env.TIDINGS.fetch(...args)`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** A request that is about to be sent. */
export interface PublishRequest {
  method: "POST";
  url: string;
  body: string;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/** Matches a normalized URL without a user or password (they would end in `@`), query or fragment. */
const SERVICE_URL = /^https?:\/\/[^/@]+\/[^?#]*$/;

/**
 * Sends a request to the service once and returns the answer's JSON.
 * @param deadline When to give up on the request, in milliseconds since 1970.
 * @throws {PublishError} for everything but a 2xx answer with JSON.
 */
export type ServiceCall = (path: string, body: string, deadline: number) => Promise<unknown>;

/** Returns a function that calls the service. @throws {TypeError} for an invalid URL or key. */
export function createServiceCall(options: ServiceOptions): ServiceCall {
  const { key, timeoutMs: maxTryMs = DEFAULT_TIMEOUT_MS, headers: addHeaders } = options;
  const href = options.url !== undefined && URL.canParse(options.url) ? new URL(options.url).href : "";
  if (!SERVICE_URL.test(href)) {
    throw new TypeError(
      "url must be the service's http:// or https:// address, without user, password, query and fragment",
    );
  }
  // Checked here because the runtime's own error about an invalid header value would contain the key.
  if (key === undefined || !/^[!-~]+$/.test(key)) {
    throw new TypeError("key must be a publish key: visible ASCII characters, without spaces or line breaks");
  }
  const service = href.replace(/\/+$/, "");
  // Wrapped, because a browser's `fetch` throws when called as a method of another object.
  const send = options.fetch ?? ((url: string, init: RequestInit) => fetch(url, init));
  /** Removes the key from text that may end up in an error: a proxy may have echoed the request's headers. */
  const withoutKey = (text: string) => text.replaceAll(key, "[key]");

  async function headersFor(request: PublishRequest, tryEnds: number): Promise<Headers> {
    const headers = new Headers({ Authorization: `Bearer ${key}`, "Content-Type": "application/json" });
    try {
      const added = await untilDeadline(tryEnds, () => (addHeaders ? addHeaders(request) : {}));
      // Set one by one: as members of one object, names that differ in case would be sent as one combined header.
      for (const [name, value] of Object.entries(added)) headers.set(name, value);
      return headers;
    } catch (cause) {
      // The cause's message stays out of this one, because it may contain parts of the request.
      throw new PublishError("The `headers` function failed", { isRetryable: true, cause });
    }
  }

  function unreachable(error: unknown, timeoutMs: number): PublishError {
    const { name, message, cause } = error instanceof Error ? error : new Error(String(error));
    // `fetch` in Node only says "fetch failed"; the reason is its cause.
    const text = (cause instanceof Error && cause.message) || message;
    const reason = name === "TimeoutError" ? `no answer within ${timeoutMs} ms` : withoutKey(text);
    return new PublishError(`Cannot reach ${service}: ${reason}`, { isRetryable: true });
  }

  return async (path, body, deadline) => {
    const url = service + path;
    const timeoutMs = Math.min(maxTryMs, deadline - Date.now());
    if (timeoutMs <= 0) throw new PublishError("There was no time left to send it", { isRetryable: true });
    const tryEnds = Date.now() + timeoutMs;
    const headers = await headersFor({ method: "POST", url, body }, tryEnds);
    let refusal: Response | undefined;
    const { response, text } = await untilDeadline(tryEnds, async (signal) => {
      // A redirect could carry the key to another host.
      const answered = await send(url, { method: "POST", headers, body, redirect: "manual", signal });
      if (!answered.ok) refusal = answered;
      return { response: answered, text: await answered.text() };
    }).catch((error: unknown) => {
      // A refusal counts even if its body breaks off or stalls: its status and Retry-After have arrived.
      if (refusal) return { response: refusal, text: "" };
      throw unreachable(error, timeoutMs);
    });
    const answer = parseJson(withoutKey(text));
    if (response.ok && answer !== undefined) return answer;
    const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), Date.now());
    if (!response.ok && isProblem(answer)) throw refusalError(answer, retryAfterMs);
    throw new PublishError(
      `${service} answered with status ${response.status}, but not as Tidings does: is it the service's address?`,
      { status: response.status, isRetryable: isTransientStatus(response.status), retryAfterMs },
    );
  };
}
