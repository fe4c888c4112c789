import type * as z from "zod";
import { parseJson } from "../../protocol/json.ts";
import { isTransientStatus } from "../../sdk/publisher/publish-error.ts";
import { isProblem } from "../../sdk/publisher/wire.ts";
import { CommandError, EXIT, notTidings } from "./command-error.ts";
import { connectionFailure } from "./connection-failure.ts";
import {
  type CommonOptions,
  publishKey,
  remedyForRefusedKey,
  type Setting,
  type Sources,
  serviceUrl,
} from "./settings.ts";

const TIMEOUT_MS = 15_000;

export interface Answer {
  status: number;
  /** Parsed JSON; null for an empty body. */
  body: unknown;
}

/** A client of the service's HTTP interface. */
export class ServiceClient {
  readonly url: string;
  readonly #key: Setting | null;

  /** @param key Sent with every request, unless null. */
  constructor(url: string, key: Setting | null) {
    this.url = url;
    this.#key = key;
  }

  /**
   * Sends a request and returns the answer, whatever its status.
   * @param headers Additional ones.
   * @throws {CommandError} when there is no answer, or one that is not JSON.
   */
  async request(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    try {
      const response = await fetch(this.url + path, {
        method,
        headers: {
          Accept: "application/json",
          ...(this.#key && { Authorization: `Bearer ${this.#key.value}` }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // A redirect could carry the key to another host.
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? null : this.#parse(text, response.status) };
    } catch (error) {
      throw error instanceof CommandError ? error : unreachable(this.url, error);
    }
  }

  /** Sends a request that should succeed. @throws {CommandError} with the service's explanation, when it refuses. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const lines = [describeProblem(answer)];
    if (answer.status === 401 && this.#key) {
      lines.push(`  ${remedyForRefusedKey(this.#key, this.url)}`);
    }
    throw new CommandError(EXIT.failed, lines.join("\n"), { status: answer.status, problem: answer.body });
  }

  #parse(text: string, status: number): unknown {
    const body = parseJson(text);
    if (body !== undefined) return body;
    // Proxies answer with a page while the service is down. The status of another page says nothing about the service.
    const details = isTransientStatus(status) ? { status } : {};
    throw notTidings(`${this.url} answered with status ${status} and no JSON`, details);
  }
}

/** Returns a client with the publish key. @throws {CommandError} for a missing key or an invalid URL. */
export function serviceWithKey(options: CommonOptions, sources: Sources): ServiceClient {
  return new ServiceClient(serviceUrl(options, sources), publishKey(options, sources));
}

/** Parses the body of a successful answer. @throws {CommandError} when something other than Tidings must have answered. */
export function parseAnswer<T>(schema: z.ZodType<T>, { body }: Answer): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw notTidings("The answer is not one that Tidings gives");
}

/** Formats a refusal: the title, then one line for every bad field. */
function describeProblem({ status, body }: Answer): string {
  if (!isProblem(body)) return `The service answered with status ${status}: ${JSON.stringify(body)}`;
  const { title, detail, errors = [] } = body;
  const fields = errors.map(({ field, message }) => `\n  ${field}: ${message}`).join("");
  return `Refused (${status}): ${title}.${detail === undefined ? "" : ` ${detail}`}${fields}`;
}

function unreachable(url: string, error: unknown): CommandError {
  return new CommandError(
    EXIT.unreachable,
    `Cannot reach ${url}: ${connectionFailure(error, TIMEOUT_MS)}. Start the service with \`npm run dev\`, or set its address with --url or TIDINGS_URL.`,
  );
}
