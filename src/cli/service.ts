import * as z from "zod";
import { CommandError, EXIT } from "./outcome.ts";
import type { Setting } from "./settings.ts";

/** How long an answer may take. */
const TIMEOUT_MS = 15_000;

export const HEALTH_PATH = "/api/v1/ws/health";
export const orderPath = (orderId: string) => `/api/v1/orders/${orderId}`;

export interface Answer {
  status: number;
  /** Parsed JSON; null when the body was empty. */
  body: unknown;
}

/** An error as the service tells it (RFC 9457). */
const problemBody = z.object({
  type: z.string().optional(),
  title: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});

/** The service's HTTP interface, as one who publishes sees it. */
export class Service {
  readonly url: string;
  readonly #key: Setting | null;

  /** @param key Sent with every request when there is one. */
  constructor(url: string, key: Setting | null) {
    this.url = url;
    this.#key = key;
  }

  /** The socket URL of a path, with these parameters. */
  socketUrl(path: string, parameters: Record<string, string>): string {
    const url = new URL(this.url + path);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = new URLSearchParams(parameters).toString();
    return url.href;
  }

  /**
   * Sends a request. @returns Whatever the service answers, refusals too.
   * @throws {CommandError} when nobody answers, or someone who is no Tidings service.
   */
  async request(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        Accept: "application/json",
        ...(this.#key && { Authorization: `Bearer ${this.#key.value}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A redirect could carry the key to another host.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw unreachable(this.url, error);
    });
    const text = await response.text().catch((error: unknown) => {
      throw unreachable(this.url, error);
    });
    return { status: response.status, body: text === "" ? null : this.#parse(text, response.status) };
  }

  /** Sends a request that should succeed. @throws {CommandError} with everything the service says, when it refuses. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const lines = [describeProblem(answer)];
    if (answer.status === 401 && this.#key) {
      lines.push(`  The key came from ${this.#key.source}. Is it one of the PUBLISH_KEYS of ${this.url}?`);
    }
    throw new CommandError(EXIT.failed, lines.join("\n"), { status: answer.status, problem: answer.body });
  }

  #parse(text: string, status: number): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new CommandError(
        EXIT.failed,
        `${this.url} answers with status ${status} and no JSON: that is no Tidings service, or something in front of it. Check --url.`,
      );
    }
  }
}

/** A refusal in plain lines: the title, then every bad field. */
export function describeProblem({ status, body }: Answer): string {
  const problem = problemBody.safeParse(body).data;
  if (!problem) return `The service answered with status ${status}: ${JSON.stringify(body)}`;
  const { title, detail, errors = [] } = problem;
  const fields = errors.map(({ field, message }) => `\n  ${field}: ${message}`).join("");
  return `Refused (${status}): ${title}.${detail === undefined ? "" : ` ${detail}`}${fields}`;
}

/** Why nobody answered, and what to do about it. */
export function unreachable(url: string, error: unknown): CommandError {
  return new CommandError(
    EXIT.unreachable,
    `Cannot reach ${url}: ${reasonOf(error)}. Start the service with \`npm run dev\`, or say where it is with --url.`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  // `fetch` says only "fetch failed"; the reason is its cause, which for several addresses is a group without a message.
  const cause = error.cause instanceof AggregateError ? error.cause.errors[0] : error.cause;
  return cause instanceof Error ? cause.message : error.message;
}
