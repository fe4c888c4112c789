import { type Connection, connectOrder } from "../../sdk/index.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";

const TIMEOUT_MS = 30_000;

/** A listener that counts events, on the SDK that pages use. */
export class BenchListener {
  readonly #connection: Connection;
  #events = 0;
  #wake = () => {};

  constructor(url: string, orderId: string, token: string) {
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

  /** Waits until the connection is live. @throws {CommandError} when it is closed, or not live in time. */
  live(): Promise<void> {
    return this.#until(() => this.#connection.status.state === "live", "a socket did not open");
  }

  /** Waits until `count` events have arrived. @throws {CommandError} when they do not arrive in time. */
  received(count: number): Promise<void> {
    return this.#until(() => this.#events >= count, `not all of ${count} events arrived`);
  }

  close(): void {
    this.#connection.close();
  }

  async #until(condition: () => boolean, failure: string): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS;
    while (!condition()) {
      const left = deadline - Date.now();
      const { status } = this.#connection;
      if (left <= 0 || status.state === "closed") {
        const why = status.state === "closed" ? `${status.reason.code} ${status.reason.name}` : status.state;
        const advice = "For a load test, run the service with RATE_LIMITS=off.";
        throw new CommandError(EXIT.failed, `A listener failed: ${failure} (${why}). ${advice}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, left);
      await promise.finally(() => clearTimeout(timer));
    }
  }
}
