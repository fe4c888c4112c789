import type { Problem } from "../../protocol/refusals.ts";
import { isPassingStatus, PublishError, refusalError } from "./publish-error.ts";
import { parseRetryAfter } from "./retry.ts";
import { untilDeadline } from "./until-deadline.ts";

/** One request to the service. */

export interface ServiceOptions {
  /** The service, for example `https://tidings.example.workers.dev`. Undefined, as a setting may be, is refused. */
  url: string | undefined;
  /** One of its `PUBLISH_KEYS`: the key alone, without its name. It belongs on servers only. Undefined is refused. */
  key: string | undefined;
  /** How long one try may take, in milliseconds. Default 15,000. */
  timeoutMs?: number | undefined;
  /**
   * Headers that come on top of, or instead of, the publisher's own; asked anew for each try, within the try's time.
   * When they cannot be had, that try has failed, and another one is made.
   */
  headers?: ((request: PublishRequest) => Record<string, string> | Promise<Record<string, string>>) | undefined;
  /** What sends the requests. Default `fetch`; in a Worker, a service binding's: `(...args) => env.TIDINGS.fetch(...args)`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** A request as it is about to be sent. */
export interface PublishRequest {
  method: "POST";
  url: string;
  body: string;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

export class ServiceCall {
  readonly #url: string;
  readonly #key: string;
  readonly #timeoutMs: number;
  readonly #headers: NonNullable<ServiceOptions["headers"]>;
  readonly #fetch: NonNullable<ServiceOptions["fetch"]>;

  /** @throws {TypeError} when the URL or the key cannot be one. */
  constructor({ url, key, timeoutMs, headers, fetch: send }: ServiceOptions) {
    const parsed = url !== undefined && URL.canParse(url) ? new URL(url) : null;
    if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username || parsed.search || parsed.hash) {
      throw new TypeError("url must be the service's http:// or https:// address, without user, query and fragment");
    }
    // Elsewhere the runtime's own message about a header that cannot be would show it.
    if (key === undefined || !VISIBLE_ASCII.test(key)) {
      throw new TypeError("key must be a publish key: visible ASCII characters, without spaces or line breaks");
    }
    this.#url = parsed.href.replace(/\/+$/, "");
    this.#key = key;
    this.#timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#headers = headers ?? (() => ({}));
    // Called as it is in the module: a browser's `fetch` refuses to be a method of something else.
    this.#fetch = send ?? ((address, init) => fetch(address, init));
  }

  /**
   * Sends a request once.
   * @param deadline When it is given up, as `Date.now()` counts.
   * @returns The answer's JSON.
   * @throws {PublishError} for everything but a 2xx answer with JSON.
   */
  async post(path: string, body: string, deadline: number): Promise<unknown> {
    const url = this.#url + path;
    const timeoutMs = Math.min(this.#timeoutMs, deadline - Date.now());
    if (timeoutMs <= 0) throw new PublishError("There was no time left to send it", { isRetryable: true });
    const tryEnds = Date.now() + timeoutMs;
    const headers = await this.#headersFor({ method: "POST", url, body }, tryEnds);
    const { response, text } = await untilDeadline(tryEnds, (signal) => this.#send(url, body, headers, signal)).catch(
      (error: unknown) => {
        throw this.#unreachable(error, timeoutMs);
      },
    );
    const answer = parseJson(text);
    if (response.ok && answer !== undefined) return answer;
    const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), Date.now());
    if (!response.ok && isProblem(answer)) throw refusalError(answer, { retryAfterMs });
    throw new PublishError(
      `${this.#url} answered with status ${response.status} and nothing that Tidings says: is it the service's address?`,
      { status: response.status, isRetryable: isPassingStatus(response.status), retryAfterMs },
    );
  }

  async #headersFor(request: PublishRequest, tryEnds: number): Promise<Headers> {
    const headers = new Headers({ Authorization: `Bearer ${this.#key}`, "Content-Type": "application/json" });
    try {
      const given = await untilDeadline(tryEnds, () => this.#headers(request));
      // One by one: in an object, a name in other letters would be a second header, and both would be sent as one.
      for (const [name, value] of Object.entries(given)) headers.set(name, value);
      return headers;
    } catch (cause) {
      // Its message stays in the cause: what it says of the request is not known here.
      throw new PublishError("The headers of the request could not be had", { isRetryable: true, cause });
    }
  }

  async #send(url: string, body: string, headers: Headers, signal: AbortSignal) {
    const response = await this.#fetch(url, {
      method: "POST",
      headers,
      body,
      // A redirect could carry the key to another host.
      redirect: "manual",
      signal,
    });
    return { response, text: this.#withoutKey(await response.text()) };
  }

  #unreachable(error: unknown, timeoutMs: number): PublishError {
    const { name, message, cause } = error instanceof Error ? error : new Error(String(error));
    // `fetch` in Node says only "fetch failed"; the reason is its cause.
    const reason = name === "TimeoutError" ? `no answer within ${timeoutMs} ms` : (cause as Error | null)?.message;
    return new PublishError(`Cannot reach ${this.#url}: ${this.#withoutKey(reason || message)}`, { isRetryable: true });
  }

  /** What comes back ends up in errors; something in between may have put the request's headers into it. */
  #withoutKey(text: string): string {
    return text.replaceAll(this.#key, "[key]");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isProblem(value: unknown): value is Problem {
  if (typeof value !== "object" || value === null) return false;
  const { type, title, status, errors } = value as Record<keyof Problem, unknown>;
  return (
    typeof type === "string" &&
    typeof title === "string" &&
    typeof status === "number" &&
    (errors === undefined || Array.isArray(errors))
  );
}
