import { type Connection, connectOrder } from "../../sdk/index.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";
import { Condition } from "../shared/condition.ts";

/** How long a listener may wait for its connection, or for the next event. */
const TIMEOUT_MS = 30_000;

/** Listens to an order with the SDK, and counts its events. */
export class BenchListener {
  readonly #connection: Connection;
  readonly #changed = new Condition();
  readonly #remedyForRefusedToken: string;
  #events = 0;

  /** @param remedyForRefusedToken What to do when the service refuses the token. */
  constructor(url: string, orderId: string, token: string, remedyForRefusedToken: string) {
    this.#remedyForRefusedToken = remedyForRefusedToken;
    this.#connection = connectOrder(orderId, {
      url,
      token,
      onEvent: () => {
        this.#events++;
        this.#changed.notify();
      },
      onStatus: this.#changed.notify,
    });
  }

  /** Waits until the connection is live. @throws {CommandError} when it is closed, or not live in time. */
  live(): Promise<void> {
    return this.#until(() => this.#connection.status.state === "live", "a socket did not open");
  }

  /** Waits until `count` events have arrived. @throws {CommandError} when it is closed, or none arrives for too long. */
  received(count: number): Promise<void> {
    return this.#until(() => this.#events >= count, `not all of ${count} events arrived`);
  }

  close(): void {
    this.#connection.close();
  }

  async #until(condition: () => boolean, failure: string): Promise<void> {
    const isClosed = () => this.#connection.status.state === "closed";
    for (let seen = -1; seen !== this.#events && !condition() && !isClosed(); ) {
      seen = this.#events;
      await this.#changed.until(() => condition() || isClosed() || undefined, TIMEOUT_MS);
    }
    if (condition()) return;
    const { status } = this.#connection;
    const reason = status.state === "closed" ? status.reason : null;
    const why = reason ? `${reason.code} ${reason.name}` : status.state;
    let remedy = "For a load test, run the service with RATE_LIMITS=off.";
    if (reason?.name === "unauthenticated") remedy = this.#remedyForRefusedToken;
    if (reason?.name === "access_denied") remedy = "Do ADMIN_ROLES and ROLE_CLAIM in this folder match the service's?";
    throw new CommandError(EXIT.failed, `A listener failed: ${failure} (${why}). ${remedy}`);
  }
}
