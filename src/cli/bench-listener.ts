import { type Connection, connectOrder, type Status } from "../sdk/index.ts";
import { CommandError, EXIT } from "./outcome.ts";

/** How long anything may take. */
const TIMEOUT_MS = 30_000;

/** A listener that counts what comes: the SDK, as a page has it. */
export class BenchListener {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  #events = 0;
  #wake = () => {};

  constructor(url: string, orderId: string, token: string, timeoutMs = TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
    this.#connection = connectOrder(orderId, {
      url,
      token,
      onEvent: () => {
        this.#events++;
        this.#wake();
      },
      onStatus: () => this.#wake(),
    });
  }

  /** It listens. @throws {CommandError} when it may not, or does not in time. */
  live(): Promise<void> {
    return this.#until(() => this.#status.state === "live", "a socket did not open");
  }

  /** So many events have come. @throws {CommandError} when they do not come in time. */
  received(count: number): Promise<void> {
    return this.#until(() => this.#events >= count, `not all of ${count} events came`);
  }

  close(): void {
    this.#connection.close();
  }

  get #status(): Status {
    return this.#connection.status;
  }

  async #until(condition: () => boolean, otherwise: string): Promise<void> {
    const deadline = Date.now() + this.#timeoutMs;
    while (!condition()) {
      const left = deadline - Date.now();
      const status = this.#status;
      if (left <= 0 || status.state === "closed") {
        const why = status.state === "closed" ? `${status.reason.code} ${status.reason.name}` : status.state;
        const advice = "For a load test the service has to run with RATE_LIMITS=off.";
        throw new CommandError(EXIT.failed, `A listener failed: ${otherwise} (${why}). ${advice}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, left);
      await promise.finally(() => clearTimeout(timer));
    }
  }
}
